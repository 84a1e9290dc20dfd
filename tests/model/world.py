"""The servers of the model, as values: the log, Redis, ClickHouse, and a network that is late, repeats and loses.

Redis and ClickHouse keep immutable values, so that a snapshot of either is a reference.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Generator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from domain import fences, window
from domain.blocks import Block
from tests.model.variants import Rules

PARTITIONS = (0, 1)
GROUPS = ("counters", "store")
LIMIT = 5  # records of a block, until a pulse changes it
PATIENCE = 12  # steps after which an answer counts as lost


class Event(NamedTuple):
    """A record of the log that a client sent.  The same (session, seq) sent again may be received in another month."""

    session: str
    seq: int
    month: int

    @property
    def identity(self) -> tuple[str, int]:
        """What must be counted once."""
        return self.session, self.seq


Record = Event | int | None  # an int is a pulse that asks for this limit, None a pulse
Fetched = list[tuple[int, Record]]
Windows = Mapping[str, window.Window]


class Kept(NamedTuple):
    """What Redis keeps for a group in a namespace of a partition: workers change it as one, a rebuild in pieces."""

    fence: int | None = fences.NOTHING  # None: there is none
    windows: Windows = MappingProxyType({})
    took: tuple[int, ...] = ()  # offsets whose effects are in
    limit: int = LIMIT


Parts = Mapping[tuple[str, int, int], Kept]  # (group, namespace, partition)


class Redis(NamedTuple):
    """All of Redis: what is kept, and the namespace in use of each partition."""

    parts: Parts = MappingProxyType({})
    pointers: Mapping[int, int] = MappingProxyType({})


class FenceGone(Exception):
    """A fence is missing though nobody lost Redis: the workers of the partition end."""


class Rows(NamedTuple):
    """What ClickHouse keeps: rows as (partition, offset), the `blocks` table, the tokens it remembers."""

    rows: tuple[tuple[int, int], ...] = ()
    blocks: frozenset[tuple[int, int, int, int]] = frozenset()  # (partition, first, last, rows)
    tokens: tuple[Any, ...] = ()


class Call:
    """A message to a server, and its answer one day."""

    __slots__ = ("answer", "args", "slow", "what")

    def __init__(self, what: str, args: tuple[Any, ...], slow: bool) -> None:
        self.what, self.args, self.slow = what, args, slow
        self.answer: Any = None


class World:
    """Everything that is not a worker."""

    def __init__(self, rnd: random.Random, rules: Rules) -> None:
        self.rnd, self.rules, self.calm = rnd, rules, False
        self.log: dict[int, list[Record]] = {p: [] for p in PARTITIONS}
        self.unsent = {p: [(f"s{p}", seq) for seq in range(1, 7)] for p in PARTITIONS}
        self.committed: Counter[tuple[str, int]] = Counter()
        self.redis = Redis(
            {(group, 1, p): Kept() for group in GROUPS for p in PARTITIONS}, dict.fromkeys(PARTITIONS, 1)
        )
        self.last_namespace = 1  # told by something that does not go back with Redis, as a clock does
        self.lost: set[int] = set()  # partitions whose fences went with a FLUSHALL
        self.clickhouse = Rows()
        self.code_limit = LIMIT
        self.net: list[Call] = []
        self.saved: list[tuple[Redis, Rows]] = []
        self.happened: Counter[str] = Counter()
        self.trace: list[str] | None = None

    def note(self, what: str, *more: object) -> None:
        """Count that something happened, and write it down where somebody will read it."""
        self.happened[what] += 1
        if self.trace is not None:
            self.trace.append(" ".join(map(str, (what, *more))))

    # -- the log -----------------------------------------------------------------------------------------------

    def append(self, p: int, record: Record) -> None:
        """A record is written."""
        self.log[p].append(record)
        if self.trace is not None:
            self.trace.append(f"log {p}:{len(self.log[p]) - 1} {record}")

    def fetch(self, p: int, at: int) -> Fetched:
        """Some records from `at` on; now and then older ones again, or a run from before a seek."""
        if not self.calm and self.rnd.random() < 0.08:
            at = self.rnd.randrange(len(self.log[p]) + 1)
        return list(enumerate(self.log[p][at : at + self.rnd.randint(1, 4)], at))

    # -- Redis -------------------------------------------------------------------------------------------------

    def kept(self, group: str, p: int) -> Kept | None:
        """What a worker of the group finds; None where the pointer or the fence is missing."""
        kept = self.redis.parts.get((group, self.redis.pointers.get(p, 0), p))
        return None if kept is None or kept.fence is None else kept

    def fence(self, group: str, p: int) -> int:
        """Where the group stands; before everything where it has no fence."""
        kept = self.kept(group, p)
        return fences.NOTHING if kept is None or kept.fence is None else kept.fence

    def keep(self, group: str, ns: int, p: int, kept: Kept) -> None:
        """Keep it in that namespace."""
        self.redis = self.redis._replace(parts={**self.redis.parts, (group, ns, p): kept})

    def apply(
        self, group: str, p: int, ns: int, expected: int, last: int, new: Windows, took: list[int], limit: int
    ) -> bool:
        """apply.lua: everything at once, or nothing because the pointer or the fence is elsewhere."""
        kept = self.redis.parts.get((group, ns, p))
        if kept is None or kept.fence is None or self.redis.pointers.get(p) != ns:
            self.note("elsewhere", group, p, ns)
            return False
        if self.rules.fence_compared and kept.fence != expected:
            self.note("refused", group, p, f"{expected + 1}-{last}")
            return False
        self.keep(group, ns, p, Kept(last, {**kept.windows, **new}, (*kept.took, *took), limit))
        self.note("applied", group, p, f"{expected + 1}-{last}", took)
        return True

    # -- a rebuild's writes, which no fence guards -------------------------------------------------------------

    def write_keys(self, p: int, ns: int, group: str, piece: Mapping[str, Any]) -> bool:
        """Some of the keys of a namespace, as a rebuild found them."""
        self.keep(group, ns, p, self.redis.parts.get((group, ns, p), Kept(None))._replace(**piece))
        self.note("keys written", p, ns, group, *piece)
        return True

    def write_fences(self, p: int, ns: int, fence: int) -> bool:
        """The fences of all groups, as one."""
        for group in GROUPS:
            self.keep(group, ns, p, self.redis.parts.get((group, ns, p), Kept(None))._replace(fence=fence))
        self.note("fences written", p, ns, fence)
        return True

    def switch(self, p: int, ns: int) -> bool:
        """Move the pointer, if the fences are there: Redis may have gone back."""
        fences_there = all(self.redis.parts.get((group, ns, p), Kept(None)).fence is not None for group in GROUPS)
        if self.rules.switch_sees_fences and not fences_there:
            self.note("fences are gone", p)
            return False
        self.redis = self.redis._replace(pointers={**self.redis.pointers, p: ns})
        self.lost.discard(p)
        self.note("switched", p, ns)
        return True

    def drop(self, p: int, ns: int) -> bool:
        """A namespace away that is not in use."""
        if self.redis.pointers.get(p) != ns:
            parts = {at: kept for at, kept in self.redis.parts.items() if at[1:] != (ns, p)}
            self.redis = self.redis._replace(parts=parts)
            self.note("dropped", p, ns)
        return True

    # -- ClickHouse --------------------------------------------------------------------------------------------

    def insert(self, p: int, block: Block, token: Any, offsets: list[int]) -> bool:
        """One insert: a part for each month in it, each remembered by the token; a crash may leave only the first."""
        if self.rules.conditional and not fences.still_next(block, self.highest(p)):
            self.note("insert came too late", p, block)
            return True
        parts: dict[int, list[int]] = {}
        for offset in offsets:
            parts.setdefault(self.month(p, offset), []).append(offset)
        for month, part in parts.items():
            self._land(p, (token, month), part)
            if len(parts) > 1 and not self.calm and self.rnd.random() < 0.3:
                self.note("half an insert", p, block)
                return False
        return True

    def _land(self, p: int, token: Any, offsets: list[int]) -> None:
        rows, blocks, tokens = self.clickhouse
        if token in tokens:
            self.note("dropped by token", p, offsets)
            return
        remembered = (*tokens, token)[-self.rules.tokens :] if self.rules.tokens else ()
        self.clickhouse = Rows((*rows, *((p, offset) for offset in offsets)), blocks, remembered)
        self.note("inserted", p, offsets)

    def write_block(self, p: int, block: Block, rows: int) -> bool:
        """The block's row in `blocks`, unless it is not the next one any more."""
        if self.rules.conditional and not fences.still_next(block, self.highest(p)):
            self.note("block came too late", p, block)
            return False
        self.clickhouse = self.clickhouse._replace(blocks=self.clickhouse.blocks | {(p, block.first, block.last, rows)})
        self.note("block", p, block)
        return True

    def month(self, p: int, offset: int) -> int:
        """The month of receipt of the event at an offset."""
        record = self.log[p][offset]
        assert isinstance(record, Event)
        return record.month

    def has_row(self, p: int, offset: int) -> bool:
        """The question by primary key."""
        return (p, offset) in self.clickhouse.rows

    def highest(self, p: int) -> int:
        """max(last) of the blocks: what the condition of an insert sees."""
        return max((last for q, _, last, _ in self.clickhouse.blocks if q == p), default=fences.NOTHING)

    def block_fence(self, p: int) -> int:
        """The block fence as a worker asks for it when it begins.  Raises fences.WentBack."""
        if not self.rules.fences_checked:
            return self.highest(p)
        return fences.contiguous_end((first, last) for q, first, last, _ in self.clickhouse.blocks if q == p)

    # -- the network -------------------------------------------------------------------------------------------

    def send(self, what: str, *args: Any) -> Generator[None, None, Any]:
        """Call a server; its answer, or None if that is lost or late: then the message may still arrive."""
        call = Call(what, args, what == "write_keys" and self.rnd.random() < 0.15)
        self.net.append(call)
        for _ in range(1 if self.calm else PATIENCE):
            yield
            if call.answer is not None:
                return call.answer
        if self.calm and call in self.net:
            self.net.remove(call)
            self.deliver(call)
        return call.answer

    def deliver(self, call: Call) -> None:
        """The message arrives.  An insert that a crash cut in half is not answered."""
        call.answer = getattr(self, call.what)(*call.args)
        if call.what == "insert" and not call.answer:
            call.answer = None

    def deliver_one(self) -> None:
        """Any message arrives; now and then its answer is lost, and then it may arrive a second time."""
        at = self.rnd.randrange(len(self.net))
        if self.net[at].slow and self.rnd.random() < 0.95:
            return
        call = self.net.pop(at)
        self.deliver(call)
        if self.rnd.random() < 0.15:
            self.note("answer lost", call.what)
            call.answer = None
            if self.rnd.random() < 0.5:
                self.net.append(call)

    # -- going back --------------------------------------------------------------------------------------------

    def save(self) -> None:
        """A snapshot of Redis and a backup of ClickHouse."""
        self.saved.append((self.redis, self.clickhouse))

    def redis_goes_back(self, last: int = 0) -> None:
        """Redis is as it was at some snapshot, or at one of the last ones."""
        if self.saved:
            self.redis = self.rnd.choice(self.saved[-last:])[0]
            self.lost = set(PARTITIONS) - set(self.redis.pointers)
            self.note("redis went back", {at: kept.fence for at, kept in self.redis.parts.items()})

    def flush(self) -> None:
        """FLUSHALL."""
        self.redis, self.lost = Redis(), set(PARTITIONS)
        self.note("redis was emptied")

    def clickhouse_goes_back(self) -> None:
        """ClickHouse is as it was at some backup."""
        if self.saved:
            self.clickhouse = self.rnd.choice(self.saved)[1]
            self.note("clickhouse went back", {p: self.highest(p) for p in PARTITIONS})
