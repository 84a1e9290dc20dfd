"""The watchdog: threads outside the worker's loop that end a process which does harm or nothing.

- Events wait behind a fence that has not moved for STALL_S, and the partition is not declared waiting for a store.
- This process was stopped for longer than its session (a zombie): another member has its partitions, and with a static
  member id the two would throw each other out of the group again and again.
- An orderly stop takes longer than STOP_S.

It looks at the store and the log with clients of its own, and measures the lag while it does so.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from infra import exits, logs, metrics
from infra.fold_store import REBUILD
from streams.group import Group

SESSION_S = 10.0  # of the group membership: runtime.make_app uses it
STALL_S = 60.0
IDLE_STALLS = 3  # a worker that holds nothing gives the holder this many times STALL_S to notice first
STOP_S = 25.0
LOOK_S, TICK_S = 5.0, 0.25
TRUSTED_S = 15.0  # how old a look may be for /readyz
FAR_BEHIND_S = 600.0  # from where on it is worth a read to know how near retention is

log = logs.get(__name__)


class Silent(Exception):
    """The store or the log does not answer the watchdog."""


class First(NamedTuple):
    """The first event behind a fence: when it was written, ms since 1970."""

    timestamp_ms: int


class Probe(Protocol):
    """What the watchdog asks (streams.probe).  Each may raise Silent."""

    def fences(self) -> Mapping[int, int]:
        """The fence of every partition of this group."""

    def end(self, p: int) -> int:
        """The offset that the next record of the partition will get."""

    def oldest(self, p: int) -> First | None:
        """The first record that the log still has; None where none was taken away yet, or none is there."""

    def first_event(self, p: int, after: int) -> First | None:
        """The first record behind `after` that is not a pulse; None when there is none."""

    def close(self) -> None:
        """Let go of the connections."""


@dataclass
class Seen:
    """One partition: its fence, what the worker knows of it, since when (monotonic), and how far it is behind."""

    fence: int
    known: int | None  # differs where the store went back: then the worker moves, though the fence seems not to
    since: float
    lag_records: int = 0
    lag_seconds: float = 0.0
    kept_seconds: float = float("inf")  # what retention takes before it passes the fence


@dataclass
class Watchdog:
    """look() and tick() decide; start() makes the threads that call them.

    `went_back` is told of partitions whose fence is behind where it was, or gone: one that is idle would not notice.
    """

    group: Group
    probe: Probe
    went_back: Callable[[int], object]
    end: exits.End = exits.end
    now: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    partitions: dict[int, Seen] = field(default_factory=dict)
    looked_at: float = float("-inf")  # monotonic time of the last look that was answered
    stop_at: float = float("inf")
    _over: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def look(self) -> None:
        """One look at all partitions.  Ends the process where one stands still; somebody silent is no verdict."""
        known = self.group.fences()  # before the store is asked: a fence only goes on
        try:
            found = self.probe.fences()
            for p in known.keys() - found.keys():  # missing or broken: one that is idle would not notice
                self.went_back(p)
            for p, fence in found.items():
                if fence < known.get(p, fence):
                    self.went_back(p)
                self._one(p, fence, known.get(p))
        except Silent as error:
            log.warning("the watchdog sees nothing", error=str(error)[:200])
            self._waiting()  # what the partitions wait for may be why
            for seen in self.partitions.values():
                seen.since = self.now()  # what nobody can see is not known to stand still
            return
        self.looked_at = self.now()
        metrics.LOOKED_AT.labels(self.group.work.group).set(self.wall())
        self._waiting()

    def healthy(self) -> bool:
        """Whether the last answered look is recent."""
        return self.now() - self.looked_at < TRUSTED_S

    def stopping(self) -> None:
        """An orderly stop has begun: it must end in time."""
        self.stop_at = self.now() + STOP_S

    def tick(self, slept_s: float) -> None:
        """Said every TICK_S: how long it really took.  Ends the process after a sleep or an endless stop."""
        if slept_s > SESSION_S:
            self.end(exits.SLEPT, "stopped for longer than the session", seconds=round(slept_s, 1))
        if self.now() > self.stop_at:
            self.end(exits.UNFORESEEN, "the orderly stop took too long", seconds=STOP_S)

    def start(self) -> None:
        """Watch until close()."""
        for name, loop in (("watchdog look", self._looks), ("watchdog tick", self._ticks)):
            thread = threading.Thread(target=loop, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._over.set()
        for thread in self._threads:
            thread.join(LOOK_S)

    def _one(self, p: int, fence: int, known: int | None) -> None:
        seen = self.partitions.get(p)
        if seen is None or (seen.fence, seen.known) != (fence, known):
            seen = self.partitions[p] = Seen(fence, known, self.now())
        if p in self.group.waits.now():
            seen.since = self.now()
        first = self._measure(p, seen)
        if first is None:
            seen.since = self.now()  # nothing to do is no standstill: time counts from when an event waits
        elif self.now() - seen.since > self._patience(p):
            self.end(exits.STANDS_STILL, "a partition stands still", partition=p, fence=fence, behind=seen.lag_records)

    def _measure(self, p: int, seen: Seen) -> First | None:
        seen.lag_records = max(0, self.probe.end(p) - 1 - seen.fence)
        first = self.probe.first_event(p, seen.fence) if seen.lag_records else None
        seen.lag_seconds = 0.0 if first is None else max(0.0, self.wall() - first.timestamp_ms / 1000)
        seen.kept_seconds = float("inf") if first is None else self._kept(p, seen, first)
        self._tell(p, seen)
        return first

    def _kept(self, p: int, seen: Seen, first: First) -> float:
        oldest = self.probe.oldest(p) if seen.lag_seconds > FAR_BEHIND_S else None
        return float("inf") if oldest is None else max(0.0, (first.timestamp_ms - oldest.timestamp_ms) / 1000)

    def _tell(self, p: int, seen: Seen) -> None:
        """The partition's metrics; those of a partition that is not ours are its owner's to tell."""
        values = {
            metrics.FENCE: seen.fence, metrics.LAG_RECORDS: seen.lag_records,
            metrics.LAG_SECONDS: seen.lag_seconds, metrics.KEPT_SECONDS: seen.kept_seconds,
        }  # fmt: skip
        labels = (self.group.work.group, str(p))
        for metric, value in values.items():
            if p in self.group.assigned:
                metric.labels(*labels).set(value)
            else:
                metric.remove(*labels)

    def _patience(self, p: int) -> float:
        if p in self.group.assigned:
            return STALL_S
        return float("inf") if self.group.assigned else STALL_S * IDLE_STALLS

    def _waiting(self) -> None:
        waits = [waiting.store for waiting in self.group.waits.now().values()]
        for store in ("redis", "clickhouse", "kafka", REBUILD):
            metrics.WAITING.labels(self.group.work.group, store).set(waits.count(store))

    def _ticks(self) -> None:
        last = boot_time()
        while not self._over.wait(TICK_S):
            now = boot_time()
            self.tick(now - last)
            last = now

    def _looks(self) -> None:
        try:
            self.look()
            while not self._over.wait(LOOK_S):
                self.look()
            self.probe.close()
        except Exception as error:  # a worker whose watchdog is gone would stand still unseen
            log.exception("unforeseen")
            self.end(exits.UNFORESEEN, "unforeseen in the watchdog", error=repr(error))


def boot_time() -> float:
    """Seconds of a clock that also counts the time in which the machine was suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
