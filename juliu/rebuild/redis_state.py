"""Writes what both groups have at the block fences into new namespaces, from ClickHouse alone."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from typing import Any

import msgspec
import redis

from domain import blocks, counters, fences, keys
from infra.clickhouse import totals
from infra.clickhouse.client import connect
from infra.namespaces import GROUPS
from infra.settings import Settings
from juliu.rebuild import sessions
from juliu.rebuild.bulk import Bulk
from juliu.rebuild.stand import Target
from juliu.rebuild.viewers import HeatTotals, Slice

SIDE_BY_SIDE = 2  # slices: while one is asked for, another is written
ROWS_A_SLICE = 2_000_000  # a slice's viewers are held in memory
_COUNTER = {name: counter for counter, name in enumerate(counters.COUNTERS)}


class Written(msgspec.Struct, frozen=True):
    """What was written."""

    viewers: int
    session_rows: int
    dramas: int


@dataclass
class Writer:
    """Writes a state.  `beat` is called often; what it raises ends the writing."""

    settings: Settings
    redis: redis.Redis
    target: Target
    beat: Callable[[], None]
    say: Callable[[str], None] = lambda _: None
    heat: HeatTotals = field(default_factory=lambda: defaultdict(float))
    viewers: int = 0
    session_rows: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def write(self) -> Written:
        """Everything but the fences.

        Raises Refused, clickhouse_connect's ClickHouseError, redis.RedisError; what was written so far stays unused.
        """
        with connect(self.settings) as client:
            which = totals.slices(client, self.target.at.upto, ROWS_A_SLICE)
        pool = ThreadPoolExecutor(SIDE_BY_SIDE)
        try:
            numbers = pool.submit(self._numbers)
            slices = as_completed([pool.submit(self._slice, each) for each in which])
            for done, one in enumerate(slices, 1):
                one.result()
                self.say(f"viewers and sessions: {done} of {len(which)} slices, {self.viewers:,} viewers")
            dramas = numbers.result()
        finally:
            pool.shutdown(cancel_futures=True)
        self._heats()
        return Written(self.viewers, self.session_rows, dramas)

    def write_fences(self) -> None:
        """Both groups stand at the block fences, and the log is cut as it was.  After all else."""
        with Bulk(self.redis, self.beat) as bulk:
            for p, part in self.target.at.parts.items():
                namespace = self.target.namespaces[p]
                if part.fence != fences.NOTHING:
                    kept = keys.block_format(namespace, p)
                    bulk.put("HSET", kept, keys.BLOCK_FORMAT, blocks.encode_format(part.next_limit))
                for group in GROUPS:
                    bulk.put("SET", keys.fence(group, namespace, p), part.fence)

    def _numbers(self) -> int:
        """Counters, and the dramas that the merge task has to look at."""
        with connect(self.settings) as client:
            found = totals.of_partitions(client, self.target.at.upto)
        with Bulk(self.redis, self.beat) as bulk:
            for p, dramas in found.items():
                namespace, fence = self.target.namespaces[p], self.target.at.parts[p].fence
                for drama, numbers in dramas.items():
                    pairs = [x for name, n in numbers.items() for x in (counters.field(drama, _COUNTER[name]), n)]
                    bulk.put("HSET", keys.counters_part(namespace, p), *pairs)
                    bulk.put("ZADD", keys.dirty(namespace, p), fence, drama)
        return len(set().union(*found.values()))

    def _slice(self, which: dict[str, Any]) -> None:
        one = Slice()
        with connect(self.settings) as client, Bulk(self.redis, self.beat) as bulk:
            one.read(client, which)
            self.beat()
            one.write(bulk, self.target)
            rows = sessions.write(client, bulk, self.target, which)
        with self._guard:
            self.viewers += len(one.viewers)
            self.session_rows += rows
            for at, amount in one.heat.items():
                self.heat[at] += amount

    def _heats(self) -> None:
        with Bulk(self.redis, self.beat) as bulk:
            for (p, decay, epoch, drama), amount in self.heat.items():
                name = keys.heat_part(decay, self.target.namespaces[p], p, epoch)
                bulk.put("ZADD", name, repr(amount), drama)
