"""A deterministic stream of events as they stand in the log, for tests and benches.

60 % heartbeats, 25 % starts and ends, 10 % impressions and clicks, 5 % reactions, some of them unlocks and refunds,
which the server counts in a session of its own; viewers and dramas by Zipf's law.
"""

from __future__ import annotations

import bisect
import itertools
import random
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

from domain import events

NOW_MS = 1_795_000_000_000
DURATIONS_MS = (60_000, 75_000, 90_000, 110_000, 6_000, 15_000, 2_000)
_PLAYED_OR_SHOWN = {events.PlayStarted, events.Heartbeat, events.PlayEnded, events.Impression, events.Clicked}
# the rest of the types, so that one that comes later is in the stream; likes are the most frequent
REACTIONS = (events.Liked, *(kind for kind in events.ALL if kind not in _PLAYED_OR_SHOWN))


def zipf(n: int) -> list[float]:
    """Running sums of 1, 1/2, 1/3 ... 1/n."""
    return list(itertools.accumulate(1 / (i + 1) for i in range(n)))


class Viewer:
    """Where one viewer stands: session, seq, clock and the playback that is open."""

    def __init__(self, session_id: str, ts_ms: int) -> None:
        self.session_id, self.seq, self.ts_ms, self.at_ms = session_id, 0, ts_ms, 0
        self.play: dict[str, Any] | None = None


class Stream:
    """next() -> an event.  The same arguments give the same stream; received_at is a millisecond later each time."""

    def __init__(self, users: int = 20_000, dramas: int = 2_000, seed: int = 1) -> None:
        self.rnd, self.users, self.dramas = random.Random(seed), zipf(users), zipf(dramas)
        self.viewers: dict[int, Viewer] = {}
        self.server_seqs: Counter[int] = Counter()
        self.now_ms = NOW_MS

    def next(self) -> events.AnyEvent:
        """The next event: seq goes up by one in its session."""
        self.now_ms += 1
        user_id = bisect.bisect(self.users, self.rnd.random() * self.users[-1]) + 1
        viewer = self.viewers.get(user_id)
        if viewer is None or (viewer.seq >= 40 and viewer.play is None):
            viewer = self.viewers[user_id] = Viewer(self._uuid(), self.now_ms)
        viewer.seq += 1
        viewer.ts_ms = max(viewer.ts_ms + 1, self.now_ms)
        base = {
            "event_id": self._uuid(), "seq": viewer.seq, "at_ms": viewer.ts_ms, "user_id": user_id,
            "session_id": viewer.session_id, "ts_ms": viewer.ts_ms, "received_at_ms": self.now_ms,
            "platform": "weapp", "version": "1.2.0", "network": "wifi", "scene": 1001, "app_id": "wx1",
        }  # fmt: skip
        return self._event(viewer, base)

    def _event(self, viewer: Viewer, base: dict[str, Any]) -> events.AnyEvent:
        x = self.rnd.random()
        if x < 0.09:
            return events.Impression(**base, **self._drama(), request_id="q1", position=1, source="hot")
        if x < 0.10:
            return events.Clicked(**base, **self._drama(), request_id="q1")
        if x < 0.15:
            return self._reaction(viewer, base)
        if viewer.play is None:
            return self._start(viewer, base)
        if x < 0.285:
            return self._end(viewer, base)
        return events.Heartbeat(**base, **viewer.play, **self._interval(viewer), wall_ms=5000)

    def _reaction(self, viewer: Viewer, base: dict[str, Any]) -> events.AnyEvent:
        kind, about = self.rnd.choice(REACTIONS), self._drama()
        if issubclass(kind, events.EpisodeEvent):
            about["episode_no"] = self.rnd.randrange(1, 4)
        return self._of_server(kind, viewer, base | about) if kind in events.SERVER else kind(**base, **about)

    def _of_server(self, kind: Any, viewer: Viewer, fields: dict[str, Any]) -> events.AnyEvent:
        """The viewer's own session did not count it, the server's does."""
        viewer.seq -= 1
        self.server_seqs[fields["user_id"]] += 1
        of_server = {"session_id": events.SERVER_SESSION, "seq": self.server_seqs[fields["user_id"]]}
        event: events.AnyEvent = kind(**fields | of_server, paid_coins=12, bonus_coins=8)
        return event

    def _start(self, viewer: Viewer, base: dict[str, Any]) -> events.AnyEvent:
        episode_no = self.rnd.randrange(1, 60)
        duration_ms = DURATIONS_MS[episode_no % len(DURATIONS_MS)]
        viewer.play = self._drama() | {"episode_no": episode_no, "play_id": self._uuid(), "duration_ms": duration_ms}
        viewer.at_ms = 0
        return events.PlayStarted(**base, **viewer.play, first_frame_ms=300, qualified=self.rnd.random() < 0.9)

    def _end(self, viewer: Viewer, base: dict[str, Any]) -> events.AnyEvent:
        play, viewer.play = viewer.play or {}, None
        to_ms = viewer.at_ms + self.rnd.choice((0, 0, 1_500, 4_000))
        return events.PlayEnded(**base, **play, from_ms=viewer.at_ms, to_ms=to_ms, reason="next")

    def _interval(self, viewer: Viewer) -> dict[str, Any]:
        assert viewer.play is not None
        if self.rnd.random() < 0.03:
            viewer.at_ms = self.rnd.randrange(viewer.play["duration_ms"])
        viewer.at_ms += 5_000
        return {"from_ms": viewer.at_ms - 5_000, "to_ms": viewer.at_ms}

    def _drama(self) -> dict[str, Any]:
        drama_id = bisect.bisect(self.dramas, self.rnd.random() * self.dramas[-1]) + 1
        return {"drama_id": drama_id, "drama_index": drama_id * 3}

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self.rnd.getrandbits(128), version=4))


def shuffled(stream: Stream, n: int, resend: float = 0.02, swap: float = 0.02) -> Iterator[events.AnyEvent]:
    """n events, of which a share comes again up to 3,000 records later, and a share is held back for up to 50."""
    rnd = random.Random(99)
    later: list[tuple[int, int, events.AnyEvent]] = []
    for i in range(n):
        event = stream.next()
        if rnd.random() < swap:
            later.append((i + rnd.randrange(1, 50), i, event))
        else:
            yield event
        if rnd.random() < resend:
            later.append((i + rnd.randrange(50, 3_000), i, event))
        if i % 8 == 0:
            later.sort(key=lambda x: x[:2])
            while later and later[0][0] <= i:
                yield later.pop(0)[2]
    for _, _, event in later:
        yield event
