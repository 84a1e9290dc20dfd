"""The golden set of the playback rule: 10,000 random playbacks and what each must come to, by brute force.

The rule is written twice, in Python (domain.playback) and in SQL (the view `plays`); both are held to this set, which
knows neither.  For a test of either:

    for golden in playbacks():          # the same 10,000 each time
        golden.events()                 # its records of the log, in order: play_started, heartbeats, play_ended
        golden.play_id, golden.user_id  # one viewer each, so that playbacks do not meet
        golden.content_ms               # unique milliseconds of content watched, cut off at the episode's end
        golden.bits                     # 1 view, 2 valid, 4 long, 8 complete

The brute force keeps one bit of a big integer for each millisecond of the episode.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from domain import events

COUNT = 10_000
FIRST_MS = 1_795_000_000_000
DURATIONS_MS = (
    1,
    900,
    2_000,
    2_999,
    3_000,
    6_999,
    7_000,
    7_001,
    17_999,
    18_000,
    18_001,
    20_000,
    60_000,
    61_237,
    90_000,
)


@dataclass(frozen=True)
class Golden:
    """One playback: half-open intervals of content in the order in which they were sent, and what they come to."""

    index: int
    duration_ms: int
    intervals: tuple[tuple[int, int], ...]
    content_ms: int
    bits: int

    @property
    def user_id(self) -> int:
        """The viewer: of this playback only."""
        return self.index + 1

    @property
    def play_id(self) -> str:
        """The playback's id."""
        return str(uuid.UUID(int=self.index + 1, version=4))

    def events(self) -> list[events.AnyEvent]:
        """Its records; the last interval is that of play_ended."""
        *watched, last = self.intervals
        out: list[events.AnyEvent] = [events.PlayStarted(**self._base(1), qualified=True)]
        for seq, (a, b) in enumerate(watched, 2):
            out.append(events.Heartbeat(**self._base(seq), from_ms=a, to_ms=b, wall_ms=b - a))
        out.append(events.PlayEnded(**self._base(len(out) + 1), from_ms=last[0], to_ms=last[1], reason="next"))
        return out

    def _base(self, seq: int) -> dict[str, Any]:
        at_ms = FIRST_MS + self.index * 1_000 + seq
        return {
            "event_id": str(uuid.UUID(int=self.index << 16 | seq, version=4)), "seq": seq,
            "at_ms": at_ms, "ts_ms": at_ms, "received_at_ms": at_ms,
            "user_id": self.user_id, "session_id": self.play_id, "play_id": self.play_id,
            "drama_id": 1 + self.index % 50, "drama_index": self.index % 50, "episode_no": 1 + self.index % 7,
            "duration_ms": self.duration_ms,
        }  # fmt: skip


def brute_force(duration_ms: int, intervals: tuple[tuple[int, int], ...]) -> tuple[int, int]:
    """(content_ms, bits): a bit for each millisecond, and the thresholds as the words of the rule say them."""
    watched = 0
    for a, b in intervals:
        watched |= (1 << max(a, b)) - (1 << a)
    content_ms = (watched & ((1 << duration_ms) - 1)).bit_count()
    if not content_ms:
        return 0, 0
    whole = content_ms == duration_ms
    view, valid, long = (whole or content_ms >= seconds * 1_000 for seconds in (3, 7, 18))
    complete = content_ms * 100 >= duration_ms * 95
    return content_ms, view * 1 + valid * 2 + long * 4 + complete * 8


def playbacks(count: int = COUNT, seed: int = 1) -> Iterator[Golden]:
    """The golden set, the same for the same arguments."""
    rnd = random.Random(seed)
    for index in range(count):
        duration_ms = rnd.choice(DURATIONS_MS) if rnd.random() < 0.5 else rnd.randrange(1_000, 120_000)
        intervals = tuple(rnd.choice((_watched_on, _about, _at_the_edge))(rnd, duration_ms))
        yield Golden(index, duration_ms, intervals, *brute_force(duration_ms, intervals))


def _watched_on(rnd: random.Random, duration_ms: int) -> Iterator[tuple[int, int]]:
    """From somewhere on, five seconds at a time, until the viewer swipes; a lost or doubled heartbeat now and then."""
    at, end = rnd.choice((0, 0, 0, rnd.randrange(duration_ms))), rnd.randrange(duration_ms + 1)
    while at + 5_000 < end:
        for _ in range(rnd.choice((0, 1, 1, 1, 1, 1, 1, 2))):
            yield at, at + 5_000
        at += 5_000
    yield at, max(at, end)


def _about(rnd: random.Random, duration_ms: int) -> Iterator[tuple[int, int]]:
    """Seeks: intervals anywhere, over each other, empty, past the end."""
    for _ in range(rnd.randrange(1, 30)):
        at = rnd.randrange(duration_ms + 10)
        yield at, at + rnd.choice((0, 1, rnd.randrange(3_000), rnd.randrange(12_000)))


def _at_the_edge(rnd: random.Random, duration_ms: int) -> Iterator[tuple[int, int]]:
    """Content of about a threshold, to the millisecond, in two pieces that may touch or overlap."""
    need = rnd.choice((3_000, 7_000, 18_000, duration_ms, duration_ms * 95 // 100))
    total = min(duration_ms, max(1, need + rnd.choice((-1, 0, 0, 1))))
    cut, begin = rnd.randrange(total + 1), rnd.randrange(duration_ms - total + 1)
    pieces = [(begin, begin + cut), (max(begin, begin + cut - rnd.choice((0, 0, 500))), begin + total)]
    rnd.shuffle(pieces)
    yield from pieces
