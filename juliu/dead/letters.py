"""What lies in juliu.dead: letters, and the records that say what an operator did with one.

A letter is named by the record that it is about, `<topic>:<partition>:<offset>`: both groups may have buried it, and
each more than once.  A sample of the API is about no record; it is named by its own place.  juliu.dead only grows, so
"replayed" and "dropped" are records too: with the header `what`, and the name in `ref`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal, NamedTuple, get_args

import msgspec

from domain.topics import DEAD, EVENTS
from infra.log_reader import Entry, LogReader
from infra.namespaces import GROUPS

OPERATOR = "operator"  # in place of a group: what a person did
MOST = 200_000  # letters that are held at once, about 100 MB
PARTITION = 0  # juliu.dead has one

What = Literal["replayed", "dropped"]
WHATS = frozenset(get_args(What))


class TooMany(Exception):
    """More letters than are held at once: look at a shorter time."""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter without its bytes.  `number` is its offset in juliu.dead, `offset` -1 where it is about none."""

    number: int
    at_ms: int
    group: str
    reason: str
    partition: int
    offset: int
    version: str
    size: int

    @property
    def kind(self) -> str:
        """The reason without what differs from record to record."""
        return self.reason.partition(":")[0]


class Resolution(NamedTuple):
    """What was done with the letters of a record; `to` is the offset at which it was sent again, -1 when it was not."""

    ref: str
    what: str
    at_ms: int
    to: int
    why: str


class Case(msgspec.Struct):
    """A record, all letters about it, and what was done with it last."""

    ref: str
    letters: list[Letter]
    done: Resolution | None = None

    @property
    def first(self) -> Letter:
        """The letter that came first: they hold the same bytes."""
        return self.letters[0]

    @property
    def groups(self) -> list[str]:
        """Who buried it."""
        return sorted({letter.group for letter in self.letters})

    @property
    def barred(self) -> str:
        """Why it is never sent again: samples of the API never were in the log.  Empty where it may be."""
        if self.first.offset < 0 or self.first.partition < 0:
            return "it never was in the log"
        return "" if set(self.groups) <= set(GROUPS) else "it is of another log: docs/runbooks/dead-letters.md"

    @property
    def replayable(self) -> bool:
        """Whether it may be sent again."""
        return not self.barred


def parse(entry: Entry) -> tuple[str, Letter] | Resolution:
    """What a record of juliu.dead says, a letter with its ref.  One that says it badly is a letter of group `?`."""
    says = {name: (value or b"").decode(errors="replace") for name, value in entry.headers}
    what = says.get("what", "")
    if says.get("group") == OPERATOR and what in WHATS:
        return Resolution(says.get("ref", ""), what, entry.timestamp, _integer(says.get("to")), says.get("why", ""))
    letter = Letter(
        number=entry.offset, at_ms=entry.timestamp, group=says.get("group", "?"), reason=says.get("reason", "?"),
        partition=_integer(says.get("partition")), offset=_integer(says.get("offset")),
        version=says.get("version", "?"), size=len(entry.value or b""),
    )  # fmt: skip
    return ref_of(letter, says.get("topic", EVENTS.name)), letter


def ref_of(letter: Letter, topic: str = EVENTS.name) -> str:
    """What the letter is named by."""
    if letter.offset < 0 or letter.partition < 0:
        return f"{DEAD.name}:{PARTITION}:{letter.number}"
    return f"{topic}:{letter.partition}:{letter.offset}"


def resolving(case: Case, what: What, why: str, version: str, to: int = -1) -> list[tuple[str, bytes]]:
    """The headers of the record that says what was done: those that every record of juliu.dead has, and its own."""
    letter = case.first
    says = {
        "topic": EVENTS.name, "partition": letter.partition, "offset": letter.offset, "group": OPERATOR,
        "reason": f"{what}: {why}"[:200], "version": version, "what": what, "ref": case.ref, "to": to, "why": why[:200],
    }  # fmt: skip
    return [(name, str(value).encode()) for name, value in says.items()]


def entries(reader: LogReader, since_ms: int | None) -> Iterator[Entry]:
    """All of juliu.dead, or what was written since.  Raises what LogReader raises."""
    begin, end = reader.bounds(PARTITION)
    if since_ms is not None:
        begin = max(begin, reader.first_since(PARTITION, since_ms))
    return reader.records(PARTITION, begin, end)


def cases(found: Iterable[Entry], group: str = "", reason: str = "") -> dict[str, Case]:
    """By ref, in the order of the log; only letters of `group` whose reason says `reason`, where given.

    Raises TooMany.
    """
    out: dict[str, Case] = {}
    held = 0
    for entry in found:
        said = parse(entry)
        if isinstance(said, Resolution):
            _settle(out, said)
            continue
        ref, letter = said
        if (group and letter.group != group) or (reason and reason not in letter.reason):
            continue
        case = out.setdefault(ref, Case(ref, []))
        if all(letter.group != other.group for other in case.letters):
            case.letters.append(letter)
            held += 1
        if held > MOST:
            raise TooMany(f"more than {MOST:,} letters: narrow them down with --since, --group or --reason")
    return out


def open_cases(of: Mapping[str, Case]) -> list[Case]:
    """Those with which nothing was done."""
    return [case for case in of.values() if case.done is None]


def _settle(out: dict[str, Case], done: Resolution) -> None:
    case = out.get(done.ref)
    if case is not None:
        case.done = done


def _integer(text: str | None) -> int:
    try:
        return int(text or "-1")
    except ValueError:
        return -1
