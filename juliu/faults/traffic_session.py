"""One session of a viewer: what is watched, liked, shared, and how it is written on the wire."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from domain import tickets
from domain.tickets import Ticket
from juliu.faults import traffic_broken
from juliu.faults.catalogue import Drama

LENGTH = 60  # events: what may be missing in between stays far below the bound of duplicate windows
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
TICKET_SLACK_MS, TICKET_BEFORE_MS, TICKET_LIFE_MS = 2 * 60_000, HOUR_MS, 6 * HOUR_MS
STEP_MS = 5_000


class Sent(NamedTuple):
    """One event as it is sent; why it must be rejected ("": it must not); the times at which its ticket is good."""

    wire: msgspec.Raw
    reason: str = ""
    qualifies: tuple[int, int] | None = None


class Shop(NamedTuple):
    """What all sessions share: chance, dramas with the running sums of how much they are watched, whose tickets."""

    rnd: random.Random
    dramas: Sequence[Drama]
    watched: Sequence[float]
    ticket_secret: bytes


class Session:
    """Counts on; its clock is `offset_ms` behind the server's and says so, or years ahead and does not know."""

    def __init__(self, user_id: int, session_id: str, offset_ms: int, ahead_ms: int, shop: Shop) -> None:
        self.user_id, self.session_id, self.offset_ms = user_id, session_id, offset_ms
        self._ahead_ms, self._shop, self._rnd = ahead_ms, shop, shop.rnd
        self._seq = 0
        self._play: dict[str, Any] | None = None
        self._duration_ms = self._at_ms = 0

    @property
    def over(self) -> bool:
        """Whether the next batch should begin another session."""
        return self._seq >= LENGTH

    @property
    def true_clock(self) -> bool:
        """Whether the device's clock is the server's."""
        return not self.offset_ms and not self._ahead_ms

    def device_ms(self, server_ms: int) -> int:
        """What the device's clock shows when the server's shows `server_ms`."""
        return server_ms - self.offset_ms + self._ahead_ms

    def events(self, count: int, happened_ms: int, late: float, malformed: float) -> Iterator[Sent]:
        """The next `count` events, a millisecond after each other, with these shares of late and malformed ones."""
        accepted = 0
        for n in range(count):
            self._seq += 1
            ts_ms = happened_ms + n
            if self._rnd.random() < late:
                ts_ms -= 7 * DAY_MS + self._rnd.randrange(HOUR_MS, 30 * DAY_MS)
            event = {"event_id": a_uuid(self._rnd), "seq": self._seq, "at_ms": self.device_ms(ts_ms), **self._next()}
            if self._rnd.random() < malformed:
                wire, reason = traffic_broken.event(self._rnd, event, accepted > 0)
                yield Sent(msgspec.Raw(wire), reason)
                continue
            accepted += 1
            qualifies = self._bring_ticket(event, ts_ms) if event["type"] == "play_started" else None
            yield Sent(msgspec.Raw(msgspec.json.encode(event)), "", qualifies)

    def _bring_ticket(self, event: dict[str, Any], ts_ms: int) -> tuple[int, int] | None:
        """Most starts bring a good ticket, some none, some another viewer's."""
        x = self._rnd.random()
        if x < 0.08:
            return None
        whose = self.user_id + 1 if x < 0.12 else self.user_id
        issued_ms = ts_ms - TICKET_BEFORE_MS
        facts = Ticket(whose, event["drama_id"], event["episode_no"], self._duration_ms, issued_ms, TICKET_LIFE_MS)
        event["ticket"] = tickets.make(self._shop.ticket_secret, facts)
        return (issued_ms - TICKET_SLACK_MS, issued_ms + TICKET_LIFE_MS) if whose == self.user_id else None

    def _next(self) -> dict[str, Any]:
        x = self._rnd.random()
        if x < 0.09:
            words = {"position": 1, "source": "storm", "arm": "calm", "propensity": 0.25}
            return {"type": "impression", "drama_id": self._drama().drama_id, **words}
        if x < 0.10:
            words = {"request_id": "q1", "arm": "calm", "propensity": 0.25}
            return {"type": "clicked", "drama_id": self._drama().drama_id, **words}
        if x < 0.15:
            return self._reaction()
        if self._play is None:
            return self._start()
        return self._end() if x < 0.28 else self._beat()

    def _reaction(self) -> dict[str, Any]:
        kind = self._rnd.choice(("liked", "liked", "unliked", "followed", "unfollowed", "disliked", "shared"))
        about: dict[str, Any] = {"type": kind, "drama_id": self._drama().drama_id}
        return about | {"episode_no": self._rnd.randrange(1, 4)} if kind in ("liked", "unliked", "shared") else about

    def _start(self) -> dict[str, Any]:
        drama = self._drama()
        episode_no = self._rnd.randrange(len(drama.durations_ms)) + 1
        self._duration_ms, self._at_ms = drama.durations_ms[episode_no - 1], 0
        self._play = {"drama_id": drama.drama_id, "episode_no": episode_no, "play_id": a_uuid(self._rnd)}
        return {"type": "play_started", **self._play, "first_frame_ms": 300}

    def _beat(self) -> dict[str, Any]:
        assert self._play is not None
        if self._rnd.random() < 0.05:  # a seek
            self._at_ms = self._rnd.randrange(self._duration_ms)
        from_ms = min(self._at_ms, self._duration_ms)
        self._at_ms = min(from_ms + STEP_MS, self._duration_ms + 1_500)  # players report a little more than there is
        return {"type": "heartbeat", **self._play, "from_ms": from_ms, "to_ms": self._at_ms, "wall_ms": STEP_MS}

    def _end(self) -> dict[str, Any]:
        play, self._play = self._play or {}, None
        from_ms = min(self._at_ms, self._duration_ms)
        to_ms = min(from_ms + self._rnd.choice((0, 0, 1_500, 4_000)), self._duration_ms)
        return {"type": "play_ended", **play, "from_ms": from_ms, "to_ms": to_ms, "reason": "next"}

    def _drama(self) -> Drama:
        return self._rnd.choices(self._shop.dramas, cum_weights=self._shop.watched)[0]


def a_uuid(rnd: random.Random) -> str:
    """One that the seed chooses."""
    return str(uuid.UUID(int=rnd.getrandbits(128), version=4))
