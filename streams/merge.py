"""The merge task: sums of all partitions' counters and heat, for readers, about every second.

Runs in the counters worker that holds partition 0.  It follows each partition's `dirty` set by offset, and writes sums
and cursors in one step (infra/lua/merge.lua), so a Redis that goes back takes the cursors with it.  Everything is
merged anew at start, when a fence is behind its cursor, a namespace moved, another process has merged, or an epoch of
heat began.
"""

from __future__ import annotations

import asyncio
import heapq
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

import redis.asyncio as aioredis
from redis.exceptions import RedisError

from domain import counters, effects, hotness, keys
from domain.hotness import Decay
from infra import logs, metrics
from infra.fold_store import LUA, Place
from streams.group import Group
from streams.parts import Parts

EVERY_S, SHARE = 1.0, 10  # a merge takes at most a tenth of the time,
LATEST_S = 5.0  # unless readers would wait for longer: in a busy loop most of its time is waiting, not work
ROWS = 5_000  # of counters in one write

log = logs.get(__name__)

Rows = dict[int, list[int]]  # drama -> numbers in the order of COUNTERS


class Cursor(NamedTuple):
    """What of a partition was merged: all that changed up to `offset` in `namespace`."""

    namespace: int
    offset: int


@dataclass
class Heats:
    """Heat of all dramas, summed over partitions: decay -> epoch -> drama -> score."""

    scores: dict[str, dict[int, dict[int, float]]] = field(default_factory=dict)

    def now(self, decay: Decay, now_ms: int) -> dict[int, float]:
        """Heat as of now_ms, by drama."""
        total: dict[int, float] = defaultdict(float)
        for epoch, of_epoch in self.scores.get(decay.name, {}).items():
            worth = hotness.now(1.0, epoch, now_ms, decay)
            for drama_id, score in of_epoch.items():
                total[drama_id] += score * worth
        return total


def epochs(decay: Decay, now_ms: int) -> range:
    """The epochs that still tell: the last one, this one, and the next (an event may be stamped some minutes ahead)."""
    now = now_ms // decay.epoch_ms
    return range(max(0, now - 1), now + 2)


def lists(heats: Heats, now_ms: int, kept: int = keys.HOT_KEPT) -> tuple[list[Any], list[Any]]:
    """keys.HOT and keys.TREND as flat lists of member and score, the highest `kept` of each."""
    hot, slow = heats.now(hotness.HOT, now_ms), heats.now(hotness.SLOW, now_ms)
    trend = {drama_id: hotness.trend(heat, slow.get(drama_id, 0.0)) for drama_id, heat in hot.items()}
    return _highest(hot, kept), _highest(trend, kept)


def _highest(scores: Mapping[int, float], kept: int) -> list[Any]:
    found = heapq.nlargest(kept, ((score, drama_id) for drama_id, score in scores.items() if score > 0.0))
    return [x for score, drama_id in found for x in (str(drama_id), repr(score))]


class Merger:
    """Merges; one at work in a cluster, a second does no harm."""

    def __init__(
        self, client: aioredis.Redis, group: str, partitions: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._redis, self._clock = client, clock
        self._parts = Parts(client, group, partitions)
        self._script = client.register_script((LUA / "merge.lua").read_text())
        self._heats = Heats()
        self._cursors: dict[int, Cursor] = {}
        self._epochs: list[range] = []
        self._id, self._count = uuid.uuid4().hex[:12], 0

    async def run(self, group: Group) -> None:
        """Merge for as long as this process holds partition 0."""
        while True:
            began = time.monotonic()
            if 0 in group.held:
                try:
                    await self.merge()
                except (RedisError, OSError) as error:
                    log.warning("not merged", error=repr(error)[:200])
            await asyncio.sleep(min(max(EVERY_S, SHARE * (time.monotonic() - began)), LATEST_S))

    async def merge(self) -> str:
        """Merge what changed; "full", "part", "nothing", or "refused" when somebody else merged meanwhile."""
        stamp, cursors = await self._read_cursors()
        places = await self._parts.places()
        now_ms = int(self._clock() * 1000)
        now_epochs = [epochs(decay, now_ms) for decay in hotness.DECAYS]
        whole = stamp != self._stamp() or cursors != self._cursors or now_epochs != self._epochs
        whole = whole or places.keys() != cursors.keys() or any(_behind(places[p], cursors[p]) for p in places)
        began = time.perf_counter()
        kind = await (self._full(stamp, places, now_ms) if whole else self._part(stamp, places, now_ms))
        metrics.MERGE_SECONDS.labels(kind).observe(time.perf_counter() - began)
        self._epochs = now_epochs if kind != "refused" else []
        return kind

    async def _full(self, stamp: str, places: dict[int, Place], now_ms: int) -> str:
        """Everything anew: what changes while it is read comes after the fences that were read first."""
        rows = await self._parts.all_rows(places)
        gone = await self._parts.merged_dramas() - rows.keys()
        rows |= {drama_id: [0] * len(counters.COUNTERS) for drama_id in gone}
        self._heats = Heats(await self._parts.all_heat(places, self._told(now_ms)))
        await self._parts.drop_heat(places, self._told(now_ms))
        cursors = {p: Cursor(*place) for p, place in places.items()}
        items = list(rows.items())
        for at in range(0, len(items), ROWS):
            if not await self._write(stamp, dict(items[at : at + ROWS])):
                return "refused"
            stamp = self._stamp()
        return await self._finish(stamp, {}, cursors, now_ms, "full")

    async def _part(self, stamp: str, places: dict[int, Place], now_ms: int) -> str:
        """The dramas that changed behind the cursors."""
        changed: set[int] = set()
        cursors = dict(self._cursors)
        for p, (dramas, last) in (await self._parts.dirty(self._cursors)).items():
            changed |= dramas
            cursors[p] = Cursor(places[p].namespace, max(last, cursors[p].offset))
        if not changed:
            return "nothing"
        rows = await self._parts.rows(places, changed)
        for decay, of_decay in (await self._parts.heat(places, self._told(now_ms), changed)).items():
            for epoch, scores in of_decay.items():
                self._heats.scores.setdefault(decay, {}).setdefault(epoch, {}).update(scores)
        return await self._finish(stamp, rows, cursors, now_ms, "part")

    async def _finish(self, stamp: str, rows: Rows, cursors: dict[int, Cursor], now_ms: int, kind: str) -> str:
        found = await asyncio.to_thread(lists, self._heats, now_ms)
        if not await self._write(stamp, rows, cursors, found):
            return "refused"
        self._cursors = cursors
        return kind

    async def _write(
        self, stamp: str, rows: Rows, cursors: Mapping[int, Cursor] | None = None, found: Iterable[Any] = (False, False)
    ) -> bool:
        """One step; False when another process has merged since `stamp` was read."""
        self._count += 1
        flat_rows = [x for drama_id, row in rows.items() for x in (str(drama_id), counters.encode(row))]
        flat_cursors = [x for p, cursor in (cursors or {}).items() for x in (str(p), f"{cursor[0]},{cursor[1]}")]
        blob = effects.encode_blob([flat_cursors, flat_rows, *found])
        names = [keys.MERGED, keys.COUNTERS, keys.HOT, keys.TREND]
        return bool(await self._script(keys=names, args=[stamp, self._stamp(), blob]))

    async def _read_cursors(self) -> tuple[str, dict[int, Cursor]]:
        found = cast(dict[bytes, bytes], await self._redis.hgetall(keys.MERGED))
        stamp = found.pop(b"stamp", b"").decode()
        return stamp, {int(p): Cursor(*map(int, cursor.split(b","))) for p, cursor in found.items()}

    def _stamp(self) -> str:
        return f"{self._id}:{self._count}"

    def _told(self, now_ms: int) -> list[tuple[str, range]]:
        return [(decay.name, epochs(decay, now_ms)) for decay in hotness.DECAYS]


def _behind(place: Place, cursor: Cursor) -> bool:
    """Whether the partition is not where the cursor says that it was merged."""
    return place.namespace != cursor.namespace or place.fence < cursor.offset
