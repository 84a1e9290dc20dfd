"""From exposures to the requests that a client would have sent: events of one session, numbered, nine a request.

The JSON is written by templates, not by an encoder: 1.6 million events have to cost seconds, not minutes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from juliu.demo.ledger import Ledger
from juliu.demo.log import Exposure, WatchLog
from juliu.load.client import Request

HEARTBEAT_MS = 5_000
EVENTS_A_REQUEST = 9

_ABOUT = '{"type":"%s","event_id":"%%s-%%012x","seq":%%d,"at_ms":%%d,"drama_id":%%d'
_PLAY = ',"episode_no":1,"play_id":"%s-8%011x"'
_WATCHED = _PLAY + ',"from_ms":%d,"to_ms":%d,"wall_ms":%d'
_IMPRESSION = _ABOUT % "impression" + ',"source":"tab%d"}'
_STARTED = _ABOUT % "play_started" + _PLAY + "}"
_HEARTBEAT = _ABOUT % "heartbeat" + _WATCHED + "}"
_ENDED = _ABOUT % "play_ended" + _WATCHED + ',"reason":"next"}'
_LIKED = _ABOUT % "liked" + ',"episode_no":1}'
_FOLLOWED = _ABOUT % "followed" + "}"
_CLIENT = '{"app_id":"wxdemo","platform":"weapp","version":"1.0.0","network":"wifi","scene":1001,"channel":"kuairand"}'
_REQUEST = '{"session_id":"%s-000000000000","sent_at_ms":%d,"clock_offset_ms":0,"client":' + _CLIENT + ',"events":[%s]}'


class Interval(NamedTuple):
    """Watched from_ms..to_ms of the content; `watched_ms` is how long the whole play then was."""

    from_ms: int
    to_ms: int
    watched_ms: int


def intervals(play_ms: int, duration_ms: int) -> Iterator[Interval]:
    """A play of `play_ms` > 0, cut every HEARTBEAT_MS of watching and where the video ends and begins again."""
    watched = 0
    while watched < play_ms:
        position = watched % duration_ms
        to = min(play_ms, watched - watched % HEARTBEAT_MS + HEARTBEAT_MS, watched - position + duration_ms)
        yield Interval(position, position + to - watched, to)
        watched = to


def count(part: WatchLog, durations_ms: Mapping[int, int]) -> int:
    """How many events the exposures of `part` are, without composing them."""
    inside = np.maximum(part.play_ms - 1, 0)
    duration_ms = np.array([durations_ms[drama] for drama in part.drama_id.tolist()], dtype=np.int64)
    meet = np.lcm(HEARTBEAT_MS, duration_ms)  # where five seconds and the end fall together there is one heartbeat
    beats = inside // HEARTBEAT_MS + inside // duration_ms - inside // meet
    plays = int(np.count_nonzero(part.play_ms))
    return len(part) + 2 * plays + int((beats + part.liked + part.followed).sum())


def uuid_head(seed: int, user_id: int, session: int) -> str:
    """The first 24 characters of every UUID (version 8) of a session; the same for the same seed."""
    digest = hashlib.blake2b(f"{seed}:{user_id}:{session}".encode(), digest_size=10).hexdigest()
    return f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-a{digest[17:20]}"


def events_of(shown: Exposure, duration_ms: int, head: str, seq: int) -> list[str]:
    """What the client reports of one exposure, as JSON, numbered from `seq`; `head` begins the session's UUIDs."""
    drama_id, at_ms = shown.drama_id, shown.at_ms
    out = [_IMPRESSION % (head, seq, seq, at_ms, drama_id, shown.tab)]
    if shown.play_ms:
        out += _play(shown, duration_ms, head, seq + 1)
    for kind, happened in ((_LIKED, shown.liked), (_FOLLOWED, shown.followed)):
        if happened:
            number = seq + len(out)
            out.append(kind % (head, number, number, at_ms + shown.play_ms, drama_id))
    return out


def _play(shown: Exposure, duration_ms: int, head: str, play: int) -> list[str]:
    """One playback, named and numbered from `play`."""
    drama_id, at_ms = shown.drama_id, shown.at_ms
    *beats, last = intervals(shown.play_ms, duration_ms)
    out = [_STARTED % (head, play, play, at_ms, drama_id, head, play)]
    for seq, (begin, end, watched) in enumerate(beats, play + 1):
        out.append(_HEARTBEAT % (head, seq, seq, at_ms + watched, drama_id, head, play, begin, end, end - begin))
    seq, (begin, end, watched) = play + 1 + len(beats), last
    out.append(_ENDED % (head, seq, seq, at_ms + watched, drama_id, head, play, begin, end, end - begin))
    return out


@dataclass
class _Session:
    """A session that goes on: how far it is numbered, when it last spoke, and what has not been sent yet."""

    user_id: int
    head: str
    seq: int = 0
    spoke_ms: int = 0
    waiting: list[str] = field(default_factory=list)

    def take(self, count: int) -> Request:
        """The next request: the oldest `count` events that wait."""
        now, self.waiting = self.waiting[:count], self.waiting[count:]
        body = _REQUEST % (self.head, self.spoke_ms, ",".join(now))
        return Request(self.user_id, len(now), body.encode())


class Composer:
    """Composes the requests of a log, part after part; a session that goes on in the next part goes on being numbered.

    A request goes out when EVENTS_A_REQUEST events wait, with the session's last one, and at the end of a part.
    """

    def __init__(self, durations_ms: Mapping[int, int], ledger: Ledger, seed: int = 0) -> None:
        self._durations_ms = durations_ms
        self._ledger = ledger
        self._seed = seed
        self._open: dict[int, _Session] = {}

    def requests(self, part: Iterable[Exposure]) -> Iterator[Request]:
        """The requests of one part, in order of time, entered in the ledger as they are made."""
        for shown in part:
            session = self._add(shown)
            least = 1 if shown.ends_session else EVENTS_A_REQUEST
            while len(session.waiting) >= least:
                yield session.take(EVENTS_A_REQUEST)
            if shown.ends_session:
                del self._open[shown.session]
        for session in self._open.values():
            if session.waiting:
                yield session.take(EVENTS_A_REQUEST)

    def _add(self, shown: Exposure) -> _Session:
        session = self._open.get(shown.session)
        if session is None:
            session = _Session(shown.user_id, uuid_head(self._seed, shown.user_id, shown.session))
            self._open[shown.session] = session
        duration_ms = self._durations_ms[shown.drama_id]
        events = events_of(shown, duration_ms, session.head, session.seq + 1)
        session.seq += len(events)
        session.spoke_ms = max(session.spoke_ms, shown.at_ms + shown.play_ms)
        session.waiting += events
        self._ledger.enter(shown, duration_ms, len(events))
        return session
