"""Made-up viewers who watch: the load of the benchmark.  Bounded, seeded, and far above real user ids."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise

from domain import tickets
from domain.tickets import Ticket
from juliu.load.client import Request

FIRST_VIEWER = 9_000_000_000  # no real viewer has such an id
VIEWERS = 5_000
STEP_MS = 5_000  # of content a heartbeat
BEATS = 6
LIKED_SHARE = 0.1
TICKET_LIFE_MS = 3_600_000  # a start is sent up to a few minutes after its ticket was made
SKEW = 1.0  # Zipf exponent of what is watched

Drama = tuple[int, int]  # id, duration of its first episode in ms


@dataclass
class _Viewer:
    """A viewer's session: how far it is numbered, and what comes next."""

    user_id: int
    session_id: str
    seq: int = 0
    coming: list[str] = field(default_factory=list)  # events without their number and time, the next one last


class Traffic:
    """Requests of `events` events each, of one viewer after the other, all happening when they are made.

    Every playback brings a ticket, as those of real viewers do: checking it and heating are part of the load.
    """

    def __init__(
        self, dramas: Sequence[Drama], now_ms: Callable[[], int], seed: int = 0, ticket_secret: bytes = b"none"
    ) -> None:
        self._random = random.Random(seed)  # noqa: S311 - load, no secret
        self._dramas = dramas
        self._weights = list(accumulate(1 / (rank + 1) ** SKEW for rank in range(len(dramas))))
        self._now_ms = now_ms
        self._ticket_secret = ticket_secret
        self._viewers = [
            _Viewer(FIRST_VIEWER + n, str(uuid.UUID(int=self._random.getrandbits(128), version=4)))
            for n in range(VIEWERS)
        ]
        self._turn = 0

    def requests(self, events: int, go_on: Callable[[], bool]) -> Iterator[Request]:
        """Requests as long as `go_on` says so."""
        while go_on():
            yield self.request(events)

    def request(self, events: int) -> Request:
        """The next viewer's request."""
        viewer = self._viewers[self._turn]
        self._turn = (self._turn + 1) % len(self._viewers)
        at_ms = self._now_ms()
        texts = [self._next(viewer, at_ms) for _ in range(events)]
        head = f'{{"session_id":"{viewer.session_id}","sent_at_ms":{at_ms},"clock_offset_ms":0,'
        client = '"client":{"app_id":"wxbench","platform":"weapp","version":"1.0.0","network":"wifi","scene":1001},'
        return Request(viewer.user_id, events, f'{head}{client}"events":[{",".join(texts)}]}}'.encode())

    def _next(self, viewer: _Viewer, at_ms: int) -> str:
        if not viewer.coming:
            viewer.coming = self._watch(viewer, at_ms)[::-1]
        viewer.seq += 1
        label = f"{viewer.session_id[:24]}{viewer.seq:012x}"
        return f'{{"event_id":"{label}","seq":{viewer.seq},"at_ms":{at_ms},{viewer.coming.pop()}'

    def _watch(self, viewer: _Viewer, at_ms: int) -> list[str]:
        """What one drama causes: shown, started, watched in steps, ended, now and then liked."""
        [(drama_id, duration_ms)] = self._random.choices(self._dramas, cum_weights=self._weights)
        drama = f'"drama_id":{drama_id}'
        play = f'{drama},"episode_no":1,"play_id":"{viewer.session_id[:24]}8{viewer.seq + 2:011x}"'
        stops = [ms for ms in range(0, (BEATS + 2) * STEP_MS, STEP_MS) if ms < duration_ms] + [duration_ms]
        watched = [f'"from_ms":{a},"to_ms":{b},"wall_ms":{b - a}}}' for a, b in pairwise(stops[: BEATS + 2])]
        ticket = tickets.make(
            self._ticket_secret, Ticket(viewer.user_id, drama_id, 1, duration_ms, at_ms, TICKET_LIFE_MS)
        )
        out = [f'"type":"impression",{drama},"source":"bench"}}']
        out.append(f'"type":"play_started",{play},"ticket":"{ticket}"}}')
        out += [f'"type":"heartbeat",{play},{interval}' for interval in watched[:-1]]
        out.append(f'"type":"play_ended",{play},{watched[-1]}')
        if self._random.random() < LIKED_SHARE:
            out.append(f'"type":"liked",{drama},"episode_no":1}}')
        return out
