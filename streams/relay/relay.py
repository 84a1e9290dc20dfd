"""The loop of the relay: leases, a batch of rows into the log, marks; and now and then old rows away.

    relay = Relay(outbox, sender, "relay-1", Pace())
    relay.run(stop, poll_s=0.2)                    # until `stop` is set; raises what nobody foresaw

A batch is marked only after Kafka has all of it.  One that failed, or whose mark failed, is sent again as a whole.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from infra import failpoints, logs, metrics
from infra.fold_store import Wait
from infra.money.tables import SHARDS
from streams.relay import shares
from streams.relay.outbox import Outbox
from streams.relay.sender import Sender

DAY_MS = 86_400_000
RENEWALS = 3  # in the life of a lease: two may fail before another relay comes
FIRST_S, LONGEST_S = 0.1, 2.0  # back-off while a server is away
LOG_EVERY_S = 10.0

log = logs.get(__name__)


@dataclass(frozen=True)
class Pace:
    """How much at a time, and how often."""

    batch: int = 500  # rows sent and marked together
    lease_ms: int = 6_000
    keep_ms: int = 7 * DAY_MS  # marked rows stay this long, for people who ask what was sent
    prune_rows: int = 1_000  # of one shard, every prune_s: SHARDS * prune_s for all, far above what is written
    prune_s: float = 1.0
    measure_s: float = 2.0


@dataclass
class Told:
    """What /readyz says.  `waits` is what is waited for, `at` when a turn was last complete (clock of Relay)."""

    shards: int = 0
    waits: str = ""
    at: float | None = None
    beat: float = 0.0


@dataclass
class Relay:
    """One relay.  `clock` is monotonic, in seconds; `wall_ms` is Unix time in ms."""

    outbox: Outbox
    sender: Sender
    owner: str
    pace: Pace = Pace()
    clock: Callable[[], float] = time.monotonic
    wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    told: Told = field(default_factory=Told)
    _held: list[int] = field(default_factory=list)
    _after: int = -1  # the shard that filled the last batch: the next one begins behind it
    _pruned: int = 0
    _due: dict[str, float] = field(default_factory=dict)

    def run(self, stop: threading.Event, poll_s: float) -> None:
        """Turn until `stop`; a server that is away is waited for, with back-off."""
        pause_s, logged = FIRST_S, float("-inf")
        while not stop.is_set():
            self.told.beat = self.clock()
            try:
                wait_s, pause_s = 0.0 if self.turn() else poll_s, FIRST_S
            except Wait as error:
                wait_s, pause_s = pause_s, min(LONGEST_S, 2 * pause_s)
                logged = self._waits(error, logged)
            stop.wait(wait_s)
        self._finish()

    def turn(self) -> bool:
        """One turn; True when more rows wait already.  Raises Wait: nothing that was sent is lost, turn again."""
        self._lease()
        self._measure()  # before Kafka is asked, so that the lag is told also while Kafka is away
        more = self._send()
        self._prune()
        self.told.waits, self.told.at = "", self.clock()
        return more

    def _lease(self) -> None:
        """Renew, and take what is due to us."""
        if not self._is_due("lease", self.pace.lease_ms / 1000 / RENEWALS):
            return
        try:
            self.outbox.renew(self.owner, self.pace.lease_ms)
            leases = self.outbox.leases()
            if taken := shares.wanted(leases, self.owner):
                self.outbox.take(self.owner, taken, self.pace.lease_ms)
                failpoints.reached("relay.after_take")
                leases = self.outbox.leases()
        except Wait:
            self._due.pop("lease")  # at once when it answers again
            raise
        self._hold(shares.mine(leases, self.owner))

    def _hold(self, shards: list[int]) -> None:
        if shards != self._held:
            log.info("shards", owner=self.owner, held=len(shards), before=len(self._held))
        self._held = shards
        self.told.shards = len(shards)
        metrics.RELAY_SHARDS.set(len(shards))

    def _send(self) -> bool:
        """A batch of what waits, sent and then marked; True where more may wait.

        Where one shard has more than a batch, those behind it are asked before it has its next.
        """
        behind = [shard for shard in self._held if shard > self._after]
        asked = behind or self._held
        rows = self.outbox.waiting(asked, self.pace.batch) if asked else []
        if rows:
            failpoints.reached("relay.before_send")
            self.sender.send(rows)
            failpoints.reached("relay.after_send")
            self.outbox.mark([row.id for row in rows], self.wall_ms())
            failpoints.reached("relay.after_mark")
            metrics.RELAY_SENT.inc(len(rows))
        full = len(rows) == self.pace.batch
        self._after = rows[-1].shard if full else -1
        return full or len(asked) < len(self._held)

    def _prune(self) -> None:
        """Old rows of one shard away, a bounded number; the next shard comes next."""
        if not self._held or not self._is_due("prune", self.pace.prune_s):
            return
        self._pruned = (self._pruned + 1) % SHARDS
        if self._pruned in self._held:
            self.outbox.prune(self._pruned, self.wall_ms() - self.pace.keep_ms, self.pace.prune_rows)

    def _measure(self) -> None:
        if not self._is_due("measure", self.pace.measure_s):
            return
        backlog = self.outbox.backlog(self._held)
        age_ms = 0 if backlog.oldest_ms is None else max(0, self.wall_ms() - backlog.oldest_ms)
        metrics.RELAY_LAG_ROWS.set(backlog.rows)
        metrics.RELAY_LAG_SECONDS.set(age_ms / 1000)

    def _is_due(self, what: str, every_s: float) -> bool:
        now = self.clock()
        if now < self._due.get(what, float("-inf")):
            return False
        self._due[what] = now + every_s
        return True

    def _waits(self, error: Wait, logged: float) -> float:
        """Say that a server is waited for; returns when that was last logged."""
        self.told.waits = error.store
        metrics.RELAY_WAITS.labels(error.store).inc()
        if self.clock() - logged < LOG_EVERY_S:
            return logged
        log.warning("waiting", store=error.store, error=str(error)[:300])
        return self.clock()

    def _finish(self) -> None:
        """Others have our shards at once; where MySQL does not hear it, when the leases have run out."""
        try:
            self.outbox.release(self.owner)
        except Wait as error:
            log.warning("leases not released", error=str(error)[:300])
        self.sender.close()
