"""Letters sent into the log once more: the original bytes, the same partition and key; the windows count them once.

Small pages first, and an end where most of a page or many of all are dead again: a replay before the code was mended
must not use up the worker's budget for poison (streams.dead), which would stop it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import msgspec

from domain import keys
from infra.log_reader import Entry, LogReader
from juliu.dead import letters
from juliu.dead.letters import Case
from juliu.dead.sending import DEAD_AGAIN, Again, Sender
from juliu.places import Servers
from streams import records
from streams.dead import AT_LEAST

FIRST_PAGE, PAGE = 20, 200
MOST_DEAD = AT_LEAST // 5  # dead again in one replay; with the page that passes it still far below the budget
FRESH_S = keys.SESSION_LIFE_S - 86_400  # the windows of what was received since are surely there


class Replayed(msgspec.Struct):
    """One record: where it was put, what became of it by group; or why it was not sent."""

    ref: str
    to: int = -1
    became: dict[str, str] = msgspec.field(default_factory=dict)
    refused: str = ""


class Replay(msgspec.Struct):
    """All of them; `stopped` says why the rest was left alone."""

    records: list[Replayed] = msgspec.field(default_factory=list)
    stopped: str = ""

    def summary(self) -> dict[str, Counter[str]]:
        """By group, how many became what; under `refused` why others were not sent."""
        out: dict[str, Counter[str]] = {}
        for one in self.records:
            if one.refused:
                out.setdefault("refused", Counter())[one.refused] += 1
            for group, word in one.became.items():
                out.setdefault(group, Counter())[word] += 1
        return out

    @property
    def ok(self) -> bool:
        """Whether all that was sent was taken."""
        words = {word for one in self.records for word in one.became.values()}
        return not self.stopped and not words & {DEAD_AGAIN, "not yet known"}


class Replayer:
    """Sends cases again.  `wall` is the time in seconds since 1970; `met` waits for the groups (Sender.met)."""

    def __init__(
        self,
        servers: Servers,
        dead: str,
        version: str,
        wall: Callable[[], float] = time.time,
        met: Callable[[Sender, Sequence[Again]], None] = Sender.met,
    ) -> None:
        self._servers, self._dead, self._version = servers, dead, version
        self._sender, self._wall, self._met = Sender(servers, dead), wall, met

    def replay(self, cases: Sequence[Case], again: bool, say: Callable[[str], None]) -> Replay:
        """Send those that may be sent, page by page.  `again`: also those that were replayed or dropped before.

        Raises Wait, and what the servers' clients raise; the same again then does no harm.
        """
        done = Replay()
        sendable = [case for case in cases if self._may(case, again, done)]
        for page in _pages(sendable):
            sent = self._page(page, done)
            say(f"{len(done.records):,} of {len(cases):,}")
            if why := why_stop(sent, done):
                done.stopped = why
                break
        return done

    def _may(self, case: Case, again: bool, done: Replay) -> bool:
        why = case.barred
        if not why and case.done is not None and not again:
            why = f"{case.done.what} before"
        if why:
            done.records.append(Replayed(case.ref, refused=why))
        return not why

    def _page(self, page: Sequence[Case], done: Replay) -> list[Again]:
        found: list[tuple[Case, Again]] = []
        for case, again in self._bytes(page):
            if self._windows_are_gone(again):
                why = "received too long ago: its windows may be gone, and it would count twice"
                done.records.append(Replayed(case.ref, refused=why))
            else:
                found.append((case, again))
        if not found:
            return []
        sent = [again for _, again in found]
        self._sender.send(sent)
        self._sender.settle(found, "replayed", "", self._version)
        self._met(self._sender, sent)
        done.records += [Replayed(one.ref, one.to, one.became) for one in sent]
        return sent

    def _bytes(self, page: Sequence[Case]) -> Iterator[tuple[Case, Again]]:
        """The originals, which are the bytes of the first letter."""
        wanted = {case.first.number: case for case in page}
        with LogReader(self._servers.settings, self._dead) as dead:
            for entry in dead.records(letters.PARTITION, min(wanted), max(wanted) + 1):
                if (case := wanted.get(entry.offset)) is not None:
                    yield case, Again(case.ref, case.first.partition, entry.key, entry.value or b"")

    def _windows_are_gone(self, again: Again) -> bool:
        """Whether it was received so long ago that another group may have forgotten that it counted it."""
        entry = Entry(0, again.key, again.value, -1)
        (event,), _ = records.read_all([entry], again.partition, self._servers.settings.partitions)
        return event is not None and event.received_at_ms < (self._wall() - FRESH_S) * 1000


def why_stop(sent: Sequence[Again], done: Replay) -> str:
    """Why not to go on with the next page, when `sent` is the last one of `done`; "" where there is no reason."""
    dead = sum(DEAD_AGAIN in one.became.values() for one in sent)
    if dead * 2 > len(sent):
        return f"{dead} of {len(sent)} are dead again: the code that runs cannot take them"
    dead = sum(DEAD_AGAIN in one.became.values() for one in done.records)
    if dead > MOST_DEAD:
        return f"{dead} are dead again: more of them would use up the workers' budget; mend the code, or go on in 5 min"
    return ""


def _pages(cases: Sequence[Case]) -> Iterator[Sequence[Case]]:
    at, size = 0, FIRST_PAGE
    while at < len(cases):
        yield cases[at : at + size]
        at, size = at + size, PAGE
