"""Writes what both groups have at the block fences into new namespaces, from ClickHouse alone."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
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
from juliu.rebuild.viewers import CountTotals, HeatTotals, Slice

SIDE_BY_SIDE = 2  # slices: while one is asked for, another is written
ROWS_A_SLICE = 4_000_000  # of which ClickHouse holds about 1 kB a playback; each slice reads all of the table


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
    counts: CountTotals = field(default_factory=Counter)
    viewers: int = 0
    session_rows: int = 0
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def write(self) -> Written:
        """Everything but the fences.

        Raises Refused, clickhouse_connect's ClickHouseError, redis.RedisError; what was written so far stays unused.
        """
        upto = self.target.at.upto
        with connect(self.settings) as client:
            viewers = totals.slices(client, upto, ROWS_A_SLICE)
            alive = sessions.slices(client, self.target, ROWS_A_SLICE)
        jobs: list[tuple[Callable[[dict[str, Any]], None], dict[str, Any]]] = [
            (self._viewers, each) for each in viewers
        ]
        jobs += [(self._sessions, each) for each in alive]
        pool = ThreadPoolExecutor(SIDE_BY_SIDE)
        try:
            for done, one in enumerate(as_completed([pool.submit(work, which) for work, which in jobs]), 1):
                one.result()
                self.say(
                    f"{done} of {len(jobs)} slices: {self.viewers:,} viewers, {self.session_rows:,} rows of sessions"
                )
        finally:
            pool.shutdown(cancel_futures=True)
        return Written(self.viewers, self.session_rows, self._dramas())

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

    def _viewers(self, which: dict[str, Any]) -> None:
        with connect(self.settings) as client, Bulk(self.redis, self.beat) as bulk:
            one = Slice(bulk, self.target)
            one.write(client, which)
        with self._guard:
            self.viewers += one.viewers
            self.counts.update(one.counts)
            for at, amount in one.heat.items():
                self.heat[at] += amount

    def _sessions(self, which: dict[str, Any]) -> None:
        with connect(self.settings) as client, Bulk(self.redis, self.beat) as bulk:
            rows = sessions.write(client, bulk, self.target, which)
        with self._guard:
            self.session_rows += rows

    def _dramas(self) -> int:
        """Counters, heat, and which dramas the merge task has to look at; how many dramas there are."""
        with connect(self.settings) as client:
            for p, drama, counter, n in totals.plain_counts(client, self.target.at.upto):
                self.counts[p, drama, counter] += n
        with Bulk(self.redis, self.beat) as bulk:
            for (p, drama, counter), n in self.counts.items():
                if n:
                    namespace = self.target.namespaces[p]
                    bulk.put("HSET", keys.counters_part(namespace, p), counters.field(drama, counter), n)
                    bulk.put("ZADD", keys.dirty(namespace, p), self.target.at.parts[p].fence, drama)
            for (p, decay, epoch, drama), amount in self.heat.items():
                name = keys.heat_part(decay, self.target.namespaces[p], p, epoch)
                bulk.put("ZADD", name, repr(amount), drama)
        return len({drama for _, drama, _ in self.counts})
