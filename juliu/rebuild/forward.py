"""Folds a namespace that is not in use forward from the log, with the workers' own code, up to given fences."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType
from typing import Any, cast

import redis.asyncio as aioredis

from domain import keys
from domain.blocks import Block
from infra.clickhouse.row_store import RowStore, Stored
from infra.fold_store import RedisFoldStore, connect
from infra.log_reader import Entry, LogReader
from infra.settings import Settings
from juliu.rebuild.refused import Refused
from streams.counting import Counters
from streams.dead import Dead
from streams.group import Moved, Partition, Work
from streams.records import Record, from_offset
from streams.store import Store

AT_ONCE = 5_000  # records that are held
EVERYTHING = 2**62  # a block fence behind which nothing is left to store
TRIES = 100  # of one piece of the log, each of which finds one more record that is poison


class Buried(Dead):
    """Poison was handed over by those who folded it first."""

    def __init__(self) -> None:
        """Nothing is kept."""

    async def bury(self, _p: int, _poison: Sequence[tuple[Record, str]]) -> None:
        """Nothing."""

    def saw(self, _records: int) -> None:
        """Nothing: no budget is spent here."""


class AllStored:
    """The row store of somebody who only folds windows: everything is there already, and nothing is asked of it."""

    async def block_fence(self, _: int) -> int:
        """Behind everything."""
        return EVERYTHING

    async def told(self, _partition: int, _first: int) -> Sequence[tuple[Block, Stored]]:
        """Nothing: what is compared here are two Redis."""
        return []


class Forward:
    """Both groups of the namespaces that are being written (keys.rebuilding names them).  A context manager.

    Every call may raise Wait, RebuildNeeded, KafkaException, LogSilent.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, self._log = settings, LogReader(settings)
        self._loop = asyncio.new_event_loop()
        self._redis: aioredis.Redis = connect(settings.redis_url)
        partitions = settings.partitions
        self._works: dict[str, Work] = {
            "counters": Counters(self._store("counters"), Buried(), partitions),
            "store": Store(cast(RowStore, AllStored()), self._store("store"), Buried(), partitions),
        }

    def __enter__(self) -> Forward:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._loop.run_until_complete(self._redis.aclose())
        self._loop.close()
        self._log.__exit__(kind, error, at)

    def to(self, group: str, p: int, fence: int) -> int:
        """Fold the log up to and with the record `fence`, where it is not there yet; the fence then.

        The store group's moves at block ends only: short of `fence` it means that the log is cut otherwise than it was.
        """
        return self._loop.run_until_complete(self._to(self._works[group], p, fence))

    async def _to(self, work: Work, p: int, fence: int) -> int:
        part = await work.open(p)
        while part.position <= fence:
            run = list(self._log.records(p, part.position, min(fence + 1, part.position + AT_ONCE)))
            if not run:
                raise Refused(f"partition {p}: the log does not give {part.position}")
            part = await _taken(work, p, part, run)
        return part.fence

    def _store(self, group: str) -> RedisFoldStore:
        return RedisFoldStore(self._redis, group, pointer=keys.rebuilding)


async def _taken(work: Work, p: int, part: Partition, run: list[Entry]) -> Partition:
    """The partition with these records.  Poison is found out one record at a time, and the partition begun again."""
    last = run[-1].offset
    for _ in range(TRIES):
        try:
            await part.take(cast(Any, from_offset(cast(Any, run), part.position)))
        except Moved:
            part = await work.open(p)
        if part.position > last:
            return part
    raise Refused(f"partition {p}: more than {TRIES} records of {len(run)} are poison")
