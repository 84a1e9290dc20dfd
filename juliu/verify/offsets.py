"""`juliu offsets`: how far each group is behind the log, and how near the log's retention is behind it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import msgspec

from infra.log_reader import Bounds, LogReader
from infra.namespaces import GROUPS
from juliu.places import BlockPlace, GroupPlace, Servers, block_place, group_place


class Offset(msgspec.Struct, frozen=True, kw_only=True):
    """One partition of one group.  None is not known, or there is none.

    `behind`: records of the log that are not applied, pulses included; `oldest_s`: age of the first event among them.
    `room`: records that the log may yet drop before it drops one that is needed; `room_s`: when that is, at the
    earliest.  `blocks`: ClickHouse's own fence, of the store group.
    """

    partition: int
    group: str
    namespace: int | None
    fence: int | None
    begin: int
    end: int
    behind: int | None = None
    oldest_s: float | None = None
    room: int | None = None
    room_s: float | None = None
    blocks: int | None = None
    wrong: list[str] = msgspec.field(default_factory=list)


def gather(servers: Servers, wall: Callable[[], float] = time.time) -> list[Offset]:
    """Every partition of every group.  Raises what the servers' clients raise where one does not answer."""
    retention_ms = servers.log.retention_ms()
    now_ms = int(wall() * 1000)
    return [_measured(servers.log, one, retention_ms, now_ms) for one in _places(servers)]


def _places(servers: Servers) -> Iterator[Offset]:
    for p in range(servers.settings.partitions):
        places = {group: group_place(servers.redis, group, p) for group in GROUPS}
        blocks = block_place(servers.clickhouse, p)  # after the fence that it must not be behind
        begin, end = servers.log.bounds(p)  # last: no fence may be ahead of it
        for group, place in places.items():
            of_store = blocks if group == "store" else None
            yield Offset(
                partition=p, group=group, namespace=place.namespace, fence=place.fence, begin=begin, end=end,
                blocks=None if of_store is None else of_store.fence,
                wrong=list(_wrong(place, Bounds(begin, end), of_store)),
            )  # fmt: skip


def _measured(log: LogReader, one: Offset, retention_ms: int | None, now_ms: int) -> Offset:
    """The same with how far it is behind, and from what."""
    if one.fence is None:
        return one
    at = max(one.fence + 1, one.begin)
    event, needed = (log.first_event(one.partition, at, one.end), log.first_record(one.partition, at, one.end))
    room_s = None
    if needed is not None and retention_ms is not None:
        room_s = round((needed.timestamp + retention_ms - now_ms) / 1000, 1)
    return msgspec.structs.replace(
        one,
        behind=max(0, one.end - 1 - one.fence),
        oldest_s=None if event is None else round(max(0, now_ms - event.timestamp) / 1000, 1),
        room=one.fence + 1 - one.begin,
        room_s=room_s,
    )


def _wrong(place: GroupPlace, bounds: Bounds, blocks: BlockPlace | None) -> Iterator[str]:
    if blocks is not None and blocks.wrong:
        yield f"blocks: {blocks.wrong}"
    if place.fence is None:
        yield f"fence: {place.wrong}"
        return
    if place.fence + 1 < bounds.begin:
        yield f"the log begins at {bounds.begin}, {place.fence + 1} is gone"
    if place.fence >= bounds.end:
        yield f"the log ends at {bounds.end}, before the fence"
    if blocks is not None and place.fence > blocks.fence:
        yield f"ClickHouse has blocks only up to {blocks.fence}: it went back"
