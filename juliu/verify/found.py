"""What `juliu verify` found: differences, each with its rule and its place, and the numbers that were compared."""

from __future__ import annotations

from collections import Counter, defaultdict

import msgspec

MOST = 100  # differences of a rule and partition that are told: the first ones show the cause; all are counted


class Difference(msgspec.Struct, frozen=True):
    """A rule that does not hold here."""

    rule: str
    partition: int
    where: str
    found: str
    expected: str


class TypeCount(msgspec.Struct):
    """Records of one event type that the log holds, and what they must be and are in ClickHouse.

    `distinct`: that must be rows: not late, and the first of their identity; `rows`: that are.
    """

    records: int = 0
    distinct: int = 0
    rows: int = 0
    repeats: int = 0
    late: int = 0
    too_old: int = 0
    dead: int = 0


class Compared(msgspec.Struct):
    """One partition: up to where, and how much, was compared."""

    partition: int
    counters_fence: int | None = None
    store_fence: int | None = None
    block_fence: int | None = None
    blocks: int = 0
    rows: int = 0
    log_from: int | None = None  # offsets whose records were compared one by one, both inside
    log_to: int | None = None
    pulses: int = 0
    poison: int = 0  # records that no code here can read
    types: defaultdict[str, TypeCount] = msgspec.field(default_factory=lambda: defaultdict(TypeCount))
    dramas: int = 0
    counters: dict[str, int] = msgspec.field(default_factory=dict)  # sums over dramas in ClickHouse


class Report(msgspec.Struct):
    """All that was found.  `more`: differences that are not in the list, by rule; `unknown`: what was not compared."""

    partitions: list[Compared] = msgspec.field(default_factory=list)
    differences: list[Difference] = msgspec.field(default_factory=list)
    more: dict[str, int] = msgspec.field(default_factory=dict)
    unknown: list[str] = msgspec.field(default_factory=list)
    notes: list[str] = msgspec.field(default_factory=list)
    _told: Counter[tuple[str, int]] = msgspec.field(default_factory=Counter)

    @property
    def ok(self) -> bool:
        """Whether everything was compared and is equal."""
        return not self.differences and not self.unknown

    def differs(self, rule: str, partition: int, where: str, found: object, expected: object) -> None:
        """Note a difference; of the same rule and partition, MOST in words and the rest as a number."""
        self._told[rule, partition] += 1
        if self._told[rule, partition] > MOST:
            self.more[rule] = self.more.get(rule, 0) + 1
        else:
            self.differences.append(Difference(rule, partition, where, str(found), str(expected)))

    def as_json(self) -> bytes:
        """For programs."""
        told = {
            "ok": self.ok, "partitions": self.partitions, "differences": self.differences, "more": self.more,
            "unknown": self.unknown, "notes": self.notes,
        }  # fmt: skip
        return msgspec.json.encode(told)
