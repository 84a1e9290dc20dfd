"""What each event does to the viewer's state and to the drama's numbers.

To add an event type: its needs and its handler, one line each in NEEDS and HANDLERS.  A handler gets an event that is
new, the hashes of its session and viewer with the fields it asked for, and the Totals to add to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

from domain import counters, hotness, playback, registers, state
from domain.events import (
    AnyEvent,
    Clicked,
    Disliked,
    DramaEvent,
    Followed,
    Heartbeat,
    Impression,
    Liked,
    PlayEnded,
    PlayEvent,
    PlayStarted,
    Refunded,
    Shared,
    Unfollowed,
    Unliked,
    Unlocked,
)
from domain.keys import USER_LIFE_S
from domain.state import Hash

DAY_MS = 86_400_000
MARKS_LIFE = 8 * 48  # half hours: lateness and a day, so that no event that counts can fall on a mark that was dropped
MAX_MARKS = 512  # of one viewer and drama; past it further plays do not heat it (never twice beats always once)
MAX_DRAMA_INDEX = 2**20  # a bitmap stays below 128 kB; the catalogue is far smaller

Fields: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]  # (of the session, of the viewer)


class Totals:
    """What one run adds up, over all viewers of the partition."""

    __slots__ = ("counts", "heat", "recent", "seen", "touched")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}  # drama << 4 | counter -> sum
        self.heat: dict[tuple[str, int, int], float] = {}  # (decay, epoch, drama) -> sum of weights
        self.recent: dict[int, dict[int, int]] = {}  # user -> drama -> latest ts_ms
        self.seen: dict[int, set[int]] = {}  # user -> drama indexes
        self.touched: dict[str, Hash] = {}

    def commands(self) -> int:
        """About how many changes these totals are in the store; one event adds at most EVENT_COMMANDS."""
        return len(self.counts) + len(self.touched) + len(self.heat) + 3 * len(self.recent) + 2 * len(self.seen)

    def count(self, drama_id: int, counter: int, n: int = 1) -> None:
        """Add to one of the drama's numbers."""
        at = drama_id << 4 | counter
        self.counts[at] = self.counts.get(at, 0) + n


EVENT_COMMANDS = 16

Handler: TypeAlias = Callable[[Any, Hash, Any, Fields, Totals], None]

_WINDOW = (state.WINDOW,)


def _nothing(_event: AnyEvent) -> Fields:
    return _WINDOW, ()


def _play(event: PlayEvent) -> Fields:
    drama = str(event.drama_id)
    # spelled out for speed; a test holds them to domain.state
    return (state.WINDOW, "p" + event.play_id), ("g" + drama, "v" + drama)


def _started(event: PlayStarted) -> Fields:
    return _play(event) if event.qualified else (_WINDOW, (state.progress_field(event.drama_id),))


def _like(event: Liked | Unliked) -> Fields:
    return _WINDOW, (state.like_field(event.drama_id, event.episode_no),)


def _follow(event: Followed | Unfollowed) -> Fields:
    return _WINDOW, (state.follow_field(event.drama_id),)


def _dislike(event: Disliked) -> Fields:
    return _WINDOW, (state.dislike_field(event.drama_id),)


def heartbeat(event: Heartbeat, session: Hash, user: Hash, fields: Fields, totals: Totals) -> None:
    """An interval watched: content, thresholds, heat, progress."""
    _watch(event, session, user, fields, totals)
    _progress(event, user, fields[1][0], event.to_ms)


def play_ended(event: PlayEnded, session: Hash, user: Hash, fields: Fields, totals: Totals) -> None:
    """The last interval, and the end."""
    totals.count(event.drama_id, counters.ENDS)
    _recent(event, totals)
    _watch(event, session, user, fields, totals)
    _progress(event, user, fields[1][0], event.to_ms)


def play_started(event: PlayStarted, session: Hash, user: Hash, fields: Fields, totals: Totals) -> None:
    """A start; a qualified one lets the playback heat its drama, also when the valid play came first."""
    totals.count(event.drama_id, counters.STARTS)
    _recent(event, totals)
    if event.qualified:
        (_, cell), (_, marks) = fields
        play = session.cells[cell]
        if not play[0] & playback.QUALIFIED:
            session.put(cell, playback.qualify(play))
            if play[0] & playback.VALID:
                _heat(event, user, marks, totals)
    _progress(event, user, fields[1][0], 0)


def _watch(event: Heartbeat | PlayEnded, session: Hash, user: Hash, fields: Fields, totals: Totals) -> None:
    (_, cell), (_, marks) = fields
    fresh, fired, play = playback.watch(session.cells[cell], event.from_ms, event.to_ms, event.duration_ms)
    if fresh:
        session.put(cell, play)
        totals.count(event.drama_id, counters.CONTENT_MS, fresh)
    if fired:
        _fire(event, fired, totals)
        if fired & playback.VALID and play[0] & playback.QUALIFIED:
            _heat(event, user, marks, totals)


def _fire(event: Heartbeat | PlayEnded, fired: int, totals: Totals) -> None:
    """Count the thresholds that this playback has just passed; a valid play is also seen and recent."""
    for bit, counter in _THRESHOLDS:
        if fired & bit:
            totals.count(event.drama_id, counter)
    if fired & playback.VALID:
        if not 0 <= event.drama_index < MAX_DRAMA_INDEX:
            raise ValueError(f"drama_index {event.drama_index}")
        totals.seen.setdefault(event.user_id, set()).add(event.drama_index)
        _recent(event, totals)


_THRESHOLDS = (
    (playback.VIEW, counters.VIEWS),
    (playback.VALID, counters.VALID_PLAYS),
    (playback.LONG, counters.LONG_PLAYS),
    (playback.COMPLETE, counters.COMPLETES),
)


class Moment(Protocol):
    """What of an event decides whether it heats."""

    @property
    def ts_ms(self) -> int: ...
    @property
    def received_at_ms(self) -> int: ...
    @property
    def episode_no(self) -> int: ...


def mark(event: Moment) -> int:
    """What heats at most once: this episode in this fixed half hour of the event's time.  Ordered by half hour."""
    return event.ts_ms // hotness.HALF_HOUR_MS << 17 | event.episode_no


def marked(marks: tuple[int, ...], event: Moment) -> tuple[int, ...] | None:
    """The marks of a viewer and drama after a qualified valid play, which makes the drama hotter.

    None where it does not: one a viewer, episode and half hour does.  Marks past MARKS_LIFE go.
    """
    new = mark(event)
    if new in marks:
        return None
    oldest = (event.received_at_ms // hotness.HALF_HOUR_MS - MARKS_LIFE) << 17
    kept = [old for old in marks if old >= oldest]
    return (*kept, new) if len(kept) < MAX_MARKS else None


def _heat(event: PlayEvent, user: Hash, field: str, totals: Totals) -> None:
    """Heat the drama, in each decay, where this play does."""
    marks = marked(user.cells[field], event)
    if marks is None:
        return
    user.put(field, marks)
    user.expire_s = USER_LIFE_S
    for decay in hotness.DECAYS:
        epoch, weight = hotness.weight(event.ts_ms, decay)
        at = (decay.name, epoch, event.drama_id)
        totals.heat[at] = totals.heat.get(at, 0.0) + weight


def _recent(event: PlayEvent, totals: Totals) -> None:
    dramas = totals.recent.setdefault(event.user_id, {})
    if event.ts_ms > dramas.get(event.drama_id, -1):
        dramas[event.drama_id] = event.ts_ms


def _progress(event: PlayEvent, user: Hash, field: str, position_ms: int) -> None:
    """Where the viewer was last in this drama: episode and position.

    The viewer's life is renewed once a day and drama.
    """
    old = user.cells[field]
    new = registers.write(old, (event.ts_ms, event.session_id, event.seq), (event.episode_no, position_ms))
    if new is None:
        return
    if old is None or old[0][0] // DAY_MS != event.ts_ms // DAY_MS:
        user.expire_s = USER_LIFE_S
    user.put(field, new)


def _switch(event: DramaEvent, user: Hash, field: str, on: int) -> int:
    """Write a reaction; by how much the drama's count changes: on after off +1, off after on -1, else nothing."""
    old = user.cells[field]
    new = registers.write(old, (event.ts_ms, event.session_id, event.seq), (on,))
    if new is None:
        return 0
    user.put(field, new)
    user.expire_s = USER_LIFE_S
    return on - (old[1][0] if old else 0)


def _reaction(counter: int, on: int) -> Handler:
    def handler(event: DramaEvent, _session: Hash, user: Hash, fields: Fields, totals: Totals) -> None:
        totals.count(event.drama_id, counter, _switch(event, user, fields[1][0], on))

    return handler


def _counted(counter: int, n: int = 1) -> Handler:
    def handler(event: DramaEvent, _session: Hash, _user: None, _fields: Fields, totals: Totals) -> None:
        totals.count(event.drama_id, counter, n)

    return handler


NEEDS: dict[type, Callable[[Any], Fields]] = {
    PlayStarted: _started,
    Heartbeat: _play,
    PlayEnded: _play,
    Liked: _like,
    Unliked: _like,
    Followed: _follow,
    Unfollowed: _follow,
    Disliked: _dislike,
    Shared: _nothing,
    Impression: _nothing,
    Clicked: _nothing,
    Unlocked: _nothing,
    Refunded: _nothing,
}
HANDLERS: dict[type, Handler] = {
    PlayStarted: play_started,
    Heartbeat: heartbeat,
    PlayEnded: play_ended,
    Liked: _reaction(counters.LIKES, 1),
    Unliked: _reaction(counters.LIKES, 0),
    Followed: _reaction(counters.FOLLOWS, 1),
    Unfollowed: _reaction(counters.FOLLOWS, 0),
    Disliked: _reaction(counters.DISLIKES, 1),
    Shared: _counted(counters.SHARES),
    Impression: _counted(counters.IMPRESSIONS),
    Clicked: _counted(counters.CLICKS),
    Unlocked: _counted(counters.UNLOCKS),
    Refunded: _counted(counters.UNLOCKS, -1),
}
