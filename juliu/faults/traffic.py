"""What made-up viewers send while a fault is played: seeded, bounded, with all that real clients do wrong.  Pure."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import accumulate
from typing import NamedTuple

import msgspec

from juliu.faults import traffic_broken
from juliu.faults.catalogue import Drama
from juliu.faults.traffic_session import DAY_MS, HOUR_MS, Sent, Session, Shop, a_uuid

FIRST_VIEWER = 9_100_000_000  # no real viewer has such an id
RECENT = 300  # requests that may be sent once more
SKEW = 0.8  # Zipf exponent: the busiest of 2,000 viewers causes a fortieth of all
COPY, LATER_COPY = 1, 2  # lanes beside the viewer's own: what races with it


@dataclass(frozen=True)
class Mix:
    """Shares of what is sent; `rate` is events a second, `batch` events a request on average."""

    rate: float = 2_000.0
    batch: float = 20.0
    viewers: float = 2_000.0
    duplicates: float = 0.01  # events that are sent once more, the same, later or at once
    thrice: float = 0.0  # requests that are sent three times: at once on another connection, and later
    yesterday: float = 0.0  # requests that a replay of history has sent a day ago, and the viewer sends again
    out_of_order: float = 0.005
    late: float = 0.002  # received more than 7 days after they happened
    older: float = 0.01  # 10 minutes to 24 hours: a phone that was in a tunnel
    malformed: float = 0.002
    garbage: float = 0.002  # requests that are no batch at all
    poison: float = 0.0005  # undecodable bytes written straight into Kafka
    broken_clock: float = 0.002  # sessions of a device that is years ahead
    jitter: float = 1.0  # 0: whoever was refused comes back at once and in step
    lanes: float = 48.0  # connections; a viewer's requests share one

    def but(self, shares: Mapping[str, float]) -> Mix:
        """This mix with some of its shares changed.  Raises ValueError for a name that is none."""
        if unknown := shares.keys() - {field.name for field in fields(self)}:
            raise ValueError(f"no such share of the traffic: {', '.join(sorted(unknown))}")
        return replace(self, **shares)


class Parcel(NamedTuple):
    """One POST /v1/events, due `due_ms` after the beginning.

    `events` are those that are sent for the first time (none in a copy of parcel `copy_of`); `reasons` say for each
    event of the body why it must be rejected, "" where it must not.  A garbage parcel must be refused as a whole.
    """

    n: int
    due_ms: float
    user_id: int
    session_id: str
    sent_at_ms: int
    offset_ms: int
    body: bytes
    reasons: tuple[str, ...]
    events: tuple[Sent, ...] = ()
    copy_of: int = -1
    lane: int = 0
    garbage: bool = False
    backfill: bool = False  # under a token that makes sent_at_ms the time of receipt, and every playback qualified


class Poison(NamedTuple):
    """A record for Kafka that nobody can decode; its bytes are like no other."""

    due_ms: float
    user_id: int
    value: bytes


class Traffic:
    """The same arguments give the same traffic, byte by byte.  `began_ms` is the wall clock at its beginning."""

    def __init__(self, dramas: Sequence[Drama], mix: Mix, seed: str, began_ms: int, ticket_secret: bytes) -> None:
        self.mix = mix
        self._rnd = random.Random(seed)  # noqa: S311 - load, no secret
        watched = list(accumulate(1 / (rank + 1) for rank in range(len(dramas))))
        self._shop = Shop(self._rnd, dramas, watched, ticket_secret)
        self._busy = list(accumulate(1 / (rank + 1) ** SKEW for rank in range(int(mix.viewers))))
        self._began_ms = began_ms
        self._sessions: dict[int, Session] = {}
        self._recent: deque[Parcel] = deque(maxlen=RECENT)
        self._n = self._sent = 0

    def parcels(self, events: int) -> Iterator[Parcel | Poison]:
        """Until `events` events were sent for the first time (a few more: batches are not cut)."""
        while self._sent < events:
            fresh = [self._fresh()]
            if self._happens(self.mix.out_of_order):
                fresh.insert(0, self._fresh(fresh[0].user_id))
            for parcel in fresh:
                yield parcel
                if parcel.backfill:
                    yield self._copy(parcel, 0)
                self._recent.append(parcel)
                yield from self._beside(parcel)

    def _beside(self, parcel: Parcel) -> Iterator[Parcel | Poison]:
        """What else comes with a request: copies, garbage, poison."""
        if self._happens(self.mix.thrice):
            yield self._copy(parcel, COPY)
            yield self._copy(parcel, LATER_COPY)
        if self._happens(self.mix.duplicates):
            yield self._copy(self._rnd.choice(self._recent), self._rnd.choice((0, COPY, LATER_COPY)))
        if self._happens(self.mix.garbage):
            yield self._garbage(parcel)
        if self._happens(self.mix.poison * self.mix.batch):
            yield Poison(parcel.due_ms, parcel.user_id, traffic_broken.poison(self._rnd, parcel.n))

    def _fresh(self, user_id: int = 0) -> Parcel:
        """The next request of this viewer, or of one by Zipf's law."""
        due_ms = self._sent * 1000 / self.mix.rate
        viewer = user_id or FIRST_VIEWER + self._rnd.choices(range(len(self._busy)), cum_weights=self._busy)[0]
        session = self._sessions.get(viewer)
        if session is None or session.over:
            session = self._sessions[viewer] = self._session(viewer)
        count = self._rnd.randint(max(1, int(self.mix.batch // 4)), int(self.mix.batch * 7 // 4))
        backfill = session.true_clock and self._happens(self.mix.yesterday)
        now_ms = self._began_ms + int(due_ms) - (DAY_MS if backfill else 0)
        events = tuple(session.events(count, now_ms - self._ago_ms(), self.mix.late, self.mix.malformed))
        self._sent += len(events)
        return self._parcel(due_ms, session, session.device_ms(now_ms), events)._replace(backfill=backfill)

    def _parcel(self, due_ms: float, session: Session, sent_at_ms: int, events: tuple[Sent, ...]) -> Parcel:
        self._n += 1
        head = {
            "session_id": session.session_id, "sent_at_ms": sent_at_ms, "clock_offset_ms": session.offset_ms,
            "client": {"app_id": "wxstorm", "platform": "weapp", "version": "1.0.0", "network": "4g", "scene": 1001},
            "events": [event.wire for event in events],
        }  # fmt: skip
        return Parcel(
            self._n, due_ms, session.user_id, session.session_id, sent_at_ms, session.offset_ms,
            msgspec.json.encode(head), tuple(event.reason for event in events), events,
        )  # fmt: skip

    def _copy(self, of: Parcel, lane: int) -> Parcel:
        self._n += 1
        due_ms = self._sent * 1000 / self.mix.rate
        return of._replace(n=self._n, due_ms=due_ms, events=(), copy_of=of.n, lane=lane, backfill=False)

    def _garbage(self, like: Parcel) -> Parcel:
        self._n += 1
        batch = like.body.replace(like.session_id.encode(), a_uuid(self._rnd).encode())
        body = traffic_broken.garbage(self._rnd, batch)
        return like._replace(n=self._n, body=body, reasons=(), events=(), garbage=True, backfill=False)

    def _session(self, user_id: int) -> Session:
        offset_ms = self._rnd.randrange(-3 * HOUR_MS, 3 * HOUR_MS) if self._happens(0.1) else 0
        ahead_ms = 900 * DAY_MS if self._happens(self.mix.broken_clock) else 0
        return Session(user_id, a_uuid(self._rnd), offset_ms, ahead_ms, self._shop)

    def _ago_ms(self) -> int:
        if self._happens(self.mix.older):
            return self._rnd.randrange(HOUR_MS // 6, 24 * HOUR_MS)
        return self._rnd.randrange(3_000)

    def _happens(self, share: float) -> bool:
        return self._rnd.random() < share
