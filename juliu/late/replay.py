"""Late events, counted after all because an operator says so: the same event without `late`, received now.

The windows make it once.  What they cannot know any more is asked for first: an event that is in `events` was counted,
and a session whose windows and playbacks have expired cannot go on where it was, so it is left alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from domain import events, keys
from domain.events import AnyEvent
from domain.state import WINDOW
from domain.topics import EVENTS
from infra.namespaces import GROUPS
from juliu.dead.replay import FIRST_PAGE, PAGE, Replay, Replayed, why_stop
from juliu.dead.sending import Again, Sender
from juliu.late import rows
from juliu.late.rows import LateRow
from juliu.places import Servers, group_place
from juliu.verify.period import Period

LEAST_LIFE_S = 3_600  # that a session's state must still have: longer than any replay waits

COUNTED = "counted before"
GONE = "its session's state has expired: content would count twice"
UNREADABLE = "the row cannot be read as an event"


class LateReplayer:
    """Sends late events again.  `wall` is the time in seconds since 1970; `met` waits for the groups (Sender.met)."""

    def __init__(
        self,
        servers: Servers,
        dead: str,
        wall: Callable[[], float] = time.time,
        met: Callable[[Sender, Sequence[Again]], None] = Sender.met,
    ) -> None:
        self._servers, self._wall, self._met = servers, wall, met
        self._sender = Sender(servers, dead)

    def replay(self, period: Period, say: Callable[[str], None]) -> Replay:
        """All late events of the period, in the order of the log, page by page.

        Raises Wait, and what the servers' clients raise; the same again then does no harm.
        """
        done, after, size = Replay(), (0, -1), FIRST_PAGE
        while page := rows.page(self._servers.clickhouse, period, after, size):
            after, size = (page[-1].partition, page[-1].offset), PAGE
            sent = self._page(page, done)
            say(f"{len(done.records):,} done")
            if why := why_stop(sent, done):
                done.stopped = why
                break
        return done

    def _page(self, page: Sequence[LateRow], done: Replay) -> list[Again]:
        sent = [self._again(row) for row in self._sendable(page, done)]
        if sent:
            self._sender.send(sent)
            self._met(self._sender, sent)
            done.records += [Replayed(one.ref, one.to, one.became) for one in sent]
        return sent

    def _sendable(self, page: Sequence[LateRow], done: Replay) -> list[LateRow]:
        """Each event of the page once, without those that must not be sent."""
        known = [row.event for row in page if row.event is not None]
        stored = rows.sessions(self._servers.clickhouse, known) if known else {}
        alive = self._alive(page)
        out: list[LateRow] = []
        for row in page:
            if why := _refused(row.event, stored, alive):
                done.records.append(Replayed(_ref(row), refused=why))
            else:
                assert row.event is not None
                out.append(row)
                seqs = stored.setdefault((row.event.user_id, row.event.session_id), set())
                alive.add((row.event.user_id, row.event.session_id))  # if it was not, it begins now
                seqs.add(row.event.seq)  # a copy of it further on is one too many
        return out

    def _alive(self, page: Sequence[LateRow]) -> set[tuple[int, str]]:
        """The sessions whose state is there in both groups, and for long enough."""
        places = {(g, p): group_place(self._servers.redis, g, p) for p in {r.partition for r in page} for g in GROUPS}
        asked = [
            ((row.event.user_id, row.event.session_id), group, row.partition, places[group, row.partition].namespace)
            for row in page if row.event is not None for group in GROUPS
        ]  # fmt: skip
        pipe = self._servers.redis.pipeline(transaction=False)
        for (user_id, session_id), group, p, namespace in asked:
            key = keys.session(group, namespace or 0, p, user_id, session_id)
            pipe.hexists(key, WINDOW)
            pipe.ttl(key)
        answers: list[Any] = pipe.execute()
        lives = zip(asked, answers[::2], answers[1::2], strict=True)
        short = {session for (session, *_), there, ttl in lives if not there or 0 <= ttl < LEAST_LIFE_S}
        return {session for session, *_ in asked} - short

    def _again(self, row: LateRow) -> Again:
        """The record: received now, so that its session's state lives as long as that of any record of the log."""
        assert row.event is not None
        event = msgspec.structs.replace(row.event, late=False, received_at_ms=int(self._wall() * 1000))
        return Again(_ref(row), row.partition, str(event.user_id).encode(), events.encode(event))


def _refused(event: AnyEvent | None, stored: dict[tuple[int, str], set[int]], alive: set[tuple[int, str]]) -> str:
    """Why it must not be sent; "" where it may be."""
    if event is None:
        return UNREADABLE
    session = event.user_id, event.session_id
    seqs = stored.get(session, set())
    if event.seq in seqs:
        return COUNTED
    return GONE if seqs and session not in alive else ""


def _ref(row: LateRow) -> str:
    return f"{EVENTS.name}:{row.partition}:{row.offset}"
