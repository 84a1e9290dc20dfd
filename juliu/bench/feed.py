"""The benchmark of the feed: pages at a fixed rate beside viewers' events, on a running stack.

Every request is due at its time whatever the answers do, and its latency counts from then.  What a page costs is what
the API uses more than with the same events alone, measured just before.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import cast

import msgspec
import redis.asyncio as aioredis

from domain import keys
from domain.recommendations import Damaged, Version, viewers_of
from infra.local.errors import StackError
from juliu.bench.latency import Percentiles, percentiles
from juliu.bench.pace import at_rate
from juliu.bench.traffic import Traffic
from juliu.load.client import Client, Sent
from juliu.load.cpu import Meter

BATCH = 10  # events of one request
BLOCKS = 100  # of a version, out of which viewers are taken
LINES = 256  # of the pages' client: two of 300 a second hardly ever wait for the same
API = "api"


@dataclass(frozen=True)
class Found:
    """What was measured; `sources` says out of what pages were made."""

    viewers: int
    pages: int
    answers: dict[str, int]
    items_a_page: float
    sources: dict[str, int]
    page: Percentiles
    page_cpu_ms: float  # of the API, beyond what the events cost it
    events_per_s: float
    cpu_of_one: dict[str, float]  # share of a CPU that each process took meanwhile


class _Item(msgspec.Struct):
    source: str


class _Page(msgspec.Struct):
    items: list[_Item]


_page = msgspec.json.Decoder(_Page).decode


async def recommended(redis: aioredis.Redis, seed: int) -> list[int]:
    """Viewers with a published list, of up to BLOCKS blocks by chance, ascending.  Raises StackError for none."""
    try:
        version = Version.parse(await redis.get(keys.REC_CURRENT) or "")
        some = random.Random(seed).sample(range(version.blocks), min(BLOCKS, version.blocks))  # noqa: S311 - load
        blocks = cast("list[bytes | None]", await redis.mget([keys.rec_users(str(version), number) for number in some]))
        viewers = sorted(user for block in blocks if block for user in viewers_of(block))
    except Damaged as error:
        raise StackError(f"nothing is published that could be read ({error}): `juliu train`") from error
    if not viewers:
        raise StackError("nobody has a list: `juliu demo`, or `juliu train` after viewers watched something")
    return viewers


@dataclass
class _Tally:
    """What came back."""

    answers: Counter[str] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    late_ms: list[float] = field(default_factory=list)


@dataclass
class FeedLoad:
    """One run: `pages` asks for pages of `viewers`, one after the other, `posts` sends events."""

    pages: Client
    posts: Client
    traffic: Traffic
    viewers: list[int]
    processes: Mapping[str, int]  # pid by name
    say: Callable[[str], None] = field(default=lambda _line: None)

    async def run(self, rate: float, events_per_s: float, seconds: float) -> Found:
        """`rate` pages a second beside `events_per_s` events a second for `seconds`.  Raises TooSlow, in a group."""
        self.say(f"{events_per_s:,g} events/s alone for {seconds:g} s")
        alone = Meter(self.processes)
        await self._events(events_per_s, seconds)
        events_cpu_s = alone.used()[API]
        self.say(f"{rate:g} pages/s beside them for {seconds:g} s")
        tally, both, sent = _Tally(), Meter(self.processes), int(rate * seconds)
        async with asyncio.TaskGroup() as tasks:
            events = tasks.create_task(self._events(events_per_s, seconds))
            tasks.create_task(at_rate(sent, rate, lambda n, due_s: self._ask(n, due_s, tally)))
        used, items = both.used(), sum(tally.sources.values())
        return Found(
            len(self.viewers), sent, dict(tally.answers), round(items / sent, 2), dict(tally.sources.most_common()),
            percentiles(tally.late_ms), round(1000 * (used[API] - events_cpu_s) / sent, 2),
            round(events.result() / seconds), {name: round(cpu_s / seconds, 2) for name, cpu_s in used.items()},
        )  # fmt: skip

    async def _events(self, per_s: float, seconds: float) -> int:
        """How many were taken."""
        sent = Sent()

        async def post(_n: int, _due_s: float) -> None:
            await self.posts.post(self.traffic.request(BATCH), sent)

        await at_rate(int(per_s * seconds / BATCH), per_s / BATCH, post)
        return sent.accepted

    async def _ask(self, n: int, due_s: float, tally: _Tally) -> None:
        answer = await self.pages.get(self.viewers[n % len(self.viewers)], "/v1/feed?size=10")
        tally.late_ms.append((asyncio.get_running_loop().time() - due_s) * 1000)
        tally.answers[str(answer.status)] += 1
        if answer.status == 200:
            tally.sources.update(item.source for item in _page(answer.body).items)
