"""What lies in juliu.dead, by reason: how many, since when, and a few to look at."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from juliu.dead.letters import Case

SAMPLES = 3


class Kind(msgspec.Struct):
    """Cases with the same reason and groups.  `code` are the versions of the code that buried them."""

    groups: str
    reason: str
    open: int = 0
    replayed: int = 0
    dropped: int = 0
    first_ms: int = 0
    last_ms: int = 0
    code: list[str] = msgspec.field(default_factory=list)
    samples: list[Sample] = msgspec.field(default_factory=list)

    def take(self, case: Case) -> None:
        """Count it; the first open ones are the samples."""
        state = "open" if case.done is None else case.done.what
        setattr(self, state, getattr(self, state) + 1)
        first = case.first
        self.first_ms = first.at_ms if self.first_ms == 0 else min(self.first_ms, first.at_ms)
        self.last_ms = max(self.last_ms, first.at_ms)
        if first.version not in self.code and len(self.code) < SAMPLES:
            self.code.append(first.version)
        if case.done is None and len(self.samples) < SAMPLES:
            self.samples.append(Sample(first.number, case.ref, first.at_ms, first.reason))


class Sample(msgspec.Struct, frozen=True):
    """One of them; `juliu dead show NUMBER` prints it."""

    number: int
    ref: str
    at_ms: int
    reason: str


def kinds(cases: Iterable[Case]) -> list[Kind]:
    """The most frequent open ones first."""
    found: dict[tuple[str, str], Kind] = {}
    for case in cases:
        groups, reason = "+".join(case.groups), case.first.kind
        found.setdefault((groups, reason), Kind(groups, reason)).take(case)
    return sorted(found.values(), key=lambda kind: (-kind.open, -kind.last_ms))


def printable(value: bytes, most: int) -> str:
    """Bytes for a terminal: text as it is, whatever could steer the terminal as \\x.., cut off at `most` bytes."""
    text = value[:most].decode("utf-8", "backslashreplace")
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    return safe + (f" … ({len(value):,} bytes)" if len(value) > most else "")
