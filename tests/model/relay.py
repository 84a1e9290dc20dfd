"""The relay in the model: transactions that commit out of order, rows that are sent and marked, two relays at once.

A lease proves nothing here: every relay may believe in any shard at any time.  What must come out: each committed row
is counted once, and the log's first copies of a viewer's rows are in order.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from typing import NamedTuple

from domain import window
from tests.model.variants import RelayRules, Wrong

VIEWERS, ROWS, BATCH = (1, 2, 3), 5, 3
HEALING_STEPS = 3_000
PATIENCE = 10  # steps after which reports count as missing

Steps = Generator[None, None, None]


class Row(NamedTuple):
    """A row of the outbox."""

    id: int
    viewer: int
    seq: int


@dataclass
class Producer:
    """What a relay has handed over, in order; `reported` counts what it was told of."""

    queue: list[Row]
    reported: int = 0
    failed: bool = False


class Outbox:
    """MySQL and the log, and what is on its way to them."""

    def __init__(self, rnd: random.Random, rules: RelayRules) -> None:
        self.rnd, self.rules = rnd, rules
        self.open: dict[int, Row] = {}  # not committed yet
        self.rows: dict[int, Row] = {}
        self.marked: set[int] = set()
        self.committed: list[Row] = []
        self.seqs = Counter[int]()
        self.next_id = 1
        self.producers: list[Producer] = []
        self.marks: list[list[int]] = []  # under way
        self.log: list[Row] = []
        self.happened = Counter[str]()
        self.trace: list[str] | None = None

    def note(self, what: str, *more: object) -> None:
        """See World."""
        self.happened[what] += 1
        if self.trace is not None:
            self.trace.append(" ".join(map(str, (what, *more))))

    def begin(self, viewer: int) -> None:
        """An unlock takes the viewer's next seq: under the row's lock, so one at a time."""
        if self.rules.seq_under_lock and any(row.viewer == viewer for row in self.open.values()):
            return
        row = Row(self.next_id, viewer, self.seqs[viewer] + 1)
        self.next_id += 1
        self.open[row.id] = row

    def end(self, commit: bool) -> None:
        """Any open transaction ends."""
        row = self.open.pop(self.rnd.choice(list(self.open)))
        self.note("committed" if commit else "rolled back", row)
        if commit:
            self.rows[row.id] = row
            self.committed.append(row)
            self.seqs[row.viewer] = max(self.seqs[row.viewer], row.seq)

    def waiting(self, viewers: list[int], after: int) -> list[Row]:
        """Rows that are not marked, by viewer and id; `after` is for who trusts in ids."""
        rows = self.rows if self.rules.committed_only else self.rows | self.open
        found = [row for row in rows.values() if row.viewer in viewers and row.id not in self.marked]
        if not self.rules.by_mark:
            found = [row for row in rows.values() if row.viewer in viewers and row.id > after]
        return sorted(found, key=lambda row: (row.viewer, row.id))[:BATCH]

    def deliver(self, producer: Producer) -> None:
        """The first of what was handed over arrives, with or without a report, or fails with all behind it."""
        row, x = producer.queue.pop(0), self.rnd.random()
        if x < 0.1:
            self.note("failed", row)
            producer.failed = True
            if self.rules.gapless:
                producer.queue = []
            return
        self.log.append(row)
        self.note("sent", row)
        if x < 0.2:
            self.note("report lost", row)
        else:
            producer.reported += 1

    def mark(self, ids: list[int]) -> None:
        """The statement arrives."""
        up_to = max(ids)
        self.marked.update(ids if self.rules.marks_what_it_sent else [id_ for id_ in self.rows if id_ <= up_to])
        self.note("marked", ids)

    def prune(self) -> None:
        """Old rows away."""
        for id_ in [id_ for id_ in self.rows if id_ in self.marked or not self.rules.prunes_marked][:1]:
            del self.rows[id_]
            self.note("pruned", id_)


class Relay:
    """One relay; its steps end wherever it is killed."""

    def __init__(self, w: Outbox, calm: bool) -> None:
        self.w, self.calm, self.after = w, calm, max([row.id for row in w.log], default=0)

    def live(self) -> Steps:
        """For ever."""
        w = self.w
        while True:
            viewers = [v for v in VIEWERS if self.calm or w.rnd.random() < 0.7]
            rows = w.waiting(viewers, self.after)
            yield
            if rows and not w.rules.sends_first:
                yield from self.mark(rows)
            if rows and (yield from self.send(rows)):
                self.after = max(row.id for row in rows)
                yield from self.mark(rows)
            if w.rnd.random() < 0.1:
                w.prune()
            yield

    def send(self, rows: list[Row]) -> Generator[None, None, bool]:
        """Whether all are in the log, as far as reports tell; what is not is sent again as a whole."""
        producer = Producer(list(rows))
        self.w.producers.append(producer)
        for _ in range(PATIENCE):
            yield
            if not producer.queue:
                break
        if producer.queue and self.w.rnd.random() < 0.7:
            producer.queue = []  # purged; else it is on the wire and may arrive yet
        return not producer.failed and producer.reported == len(rows)

    def mark(self, rows: list[Row]) -> Steps:
        """The statement is sent; nobody waits for it longer than for an answer."""
        self.w.marks.append([row.id for row in rows])
        for _ in range(3):
            yield


class RelaySchedule:
    """One outbox and two relays, driven by a seed."""

    def __init__(self, seed: int, rules: RelayRules, trace: bool = False) -> None:
        self.rnd = rnd = random.Random(seed)
        self.w = Outbox(rnd, rules)
        self.w.trace = [] if trace else None
        self.steps = rnd.randint(60, 160)
        self.relays = [Relay(self.w, False).live() for _ in range(2)]

    def run(self) -> Wrong | None:
        """The whole schedule; what is wrong at its end."""
        for _ in range(self.steps):
            self._happen()
        self._heal()
        return verdict(self.w)

    def _happen(self) -> None:
        x, w, rnd = self.rnd.random(), self.w, self.rnd
        if x < 0.12 and len(w.committed) + len(w.open) < ROWS * len(VIEWERS):
            w.begin(rnd.choice(VIEWERS))
        elif x < 0.24 and w.open:
            w.end(commit=rnd.random() < 0.85)
        elif x < 0.27:
            w.note("crash")
            self.relays[rnd.randrange(2)] = Relay(w, False).live()
        elif x < 0.28:
            w.note("mysql killed")
            w.open = {}
        else:
            self._arrive_or_step()

    def _arrive_or_step(self) -> None:
        w, rnd = self.w, self.rnd
        sending = [producer for producer in w.producers if producer.queue]
        if sending and rnd.random() < 0.45:
            w.deliver(rnd.choice(sending))
        elif w.marks and rnd.random() < 0.3:
            ids = w.marks.pop(rnd.randrange(len(w.marks)))
            if rnd.random() < 0.85:
                w.mark(ids)
        else:
            next(rnd.choice(self.relays))

    def _heal(self) -> None:
        """No more faults: open transactions end, what is on its way arrives, a relay has all shards."""
        w = self.w
        w.note("healed")
        while w.open:
            w.end(commit=True)
        self.relays = [Relay(w, True).live()] * 2
        for _ in range(HEALING_STEPS):
            if not (set(w.rows) - w.marked or w.marks or any(producer.queue for producer in w.producers)):
                return
            self._arrive_or_step()


def verdict(w: Outbox) -> Wrong | None:
    """What is wrong in a healed world."""
    committed = Counter((row.viewer, row.seq) for row in w.committed)
    counted, first = Counter[tuple[int, int]](), dict[int, list[int]]()
    windows: dict[int, window.Window] = {}
    for row in w.log:
        found, windows[row.viewer] = window.add(windows.get(row.viewer, window.EMPTY), row.seq, 0)
        if found == window.NEW or not w.rules.window:
            counted[row.viewer, row.seq] += 1
        if row.seq not in first.setdefault(row.viewer, []):
            first[row.viewer].append(row.seq)
    for identity in committed | counted:
        if counted[identity] != committed[identity]:
            kind = "double" if committed[identity] and counted[identity] > committed[identity] else "lost"
            return Wrong(kind if committed[identity] else "invented", f"{identity}")
    for viewer, seqs in first.items():
        if seqs != sorted(seqs):
            return Wrong("order", f"viewer {viewer}: {seqs}")
    return None
