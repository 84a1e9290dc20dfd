"""Where each partition stands: the log's bounds, the fence of each group, ClickHouse's block fence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, cast

import redis
from clickhouse_connect.driver.client import Client

from domain import keys
from domain.fences import NOTHING
from infra.clickhouse import chains
from infra.clickhouse.client import connect
from infra.log_reader import LogReader
from infra.settings import Settings

ANSWER_S = 10.0


class GroupPlace(NamedTuple):
    """A group's fence of one partition; `fence` is None where it is missing or broken, and `wrong` says which."""

    namespace: int | None
    fence: int | None
    wrong: str = ""


class BlockPlace(NamedTuple):
    """ClickHouse's block fence of one partition; `wrong` says where blocks are missing or lie across each other."""

    fence: int
    wrong: str = ""


@dataclass
class Servers:
    """The three servers, for one thread.  Close it."""

    settings: Settings
    log: LogReader
    redis: redis.Redis
    clickhouse: Client

    @classmethod
    def open(cls, settings: Settings, topic: str) -> Servers:
        """Connect.  Raises ClickHouseError where ClickHouse does not answer; the others are asked later."""
        clickhouse = connect(settings)
        client = redis.Redis.from_url(
            settings.redis_url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S, retry_on_timeout=False
        )
        return cls(settings, LogReader(settings, topic), client, clickhouse)

    def close(self) -> None:
        """Let go of the connections."""
        self.log.close()
        self.redis.close()
        self.clickhouse.close()


def group_place(client: redis.Redis, group: str, p: int) -> GroupPlace:
    """The partition of a group as it stands now.  Raises RedisError."""
    pointer = cast(bytes | None, client.get(keys.namespace(p)))
    if pointer is None:
        return GroupPlace(None, None, "no namespace")
    value = cast(bytes | None, client.get(keys.fence(group, int(pointer), p)))
    if value is None:
        return GroupPlace(int(pointer), None, "missing")
    if value.startswith(b"broken"):
        return GroupPlace(int(pointer), None, value.decode(errors="replace"))
    return GroupPlace(int(pointer), int(value))


def block_place(client: Client, p: int) -> BlockPlace:
    """The block fence.  Raises ClickHouseError."""
    row = client.query(chains.ONE, {"p": p}).result_rows[0]
    blocks, first, last, records = (int(x) for x in row)
    if not blocks:
        return BlockPlace(NOTHING)
    if records == last - first + 1:
        return BlockPlace(last)
    holes = client.query(chains.HOLE, {"p": p}).result_rows
    if holes:
        return BlockPlace(int(holes[0][1]), f"a block begins at {holes[0][0]}, those before it end at {holes[0][1]}")
    return BlockPlace(last, f"{records - (last - first + 1)} records are in more than one block")
