"""The benchmark of unlocks: viewers with coins unlock paid episodes at a fixed rate, on a running stack.

Every request is due at its time whatever the answers do, and its latency counts from then.  The times until an unlock
is in a store run from its transaction, which the event in the log tells, to the store's fence past it.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.catalogue import Catalogue
from domain.events import Unlocked, decode
from domain.pricing import terms
from infra.money.wallet import Wallet
from infra.namespaces import GROUPS
from juliu.bench.latency import Percentiles, Sample, latencies_ms, percentiles
from juliu.bench.pace import TooSlow, at_rate, sampled
from juliu.load.client import Client
from juliu.load.cpu import Meter
from juliu.load.positions import Fences, LogEnd

RELAYED_S = 30.0  # far more than the relay needs
ASK_S = 0.05
DONE = "200"


class Paid(NamedTuple):
    """An episode that costs coins, and the price that is shown for it."""

    drama_id: int
    episode_no: int
    coins: int
    price_version: str


@dataclass(frozen=True)
class Found:
    """What was measured: `answers` by status, `told` of the unlocks by an event in the log within RELAYED_S."""

    asked: int
    answers: dict[str, int]
    told: int
    unlocks_per_s: float
    answer: Percentiles
    redis: Percentiles
    clickhouse: Percentiles
    cpu_ms: dict[str, float]  # an unlock, by process, until all is stored


def paid_episodes(catalogue: Catalogue, now_ms: int) -> list[Paid]:
    """All episodes that viewers may see now and must pay for."""
    found: list[Paid] = []
    for drama in catalogue:
        if catalogue.offered(drama.drama_id, now_ms):
            its = terms(drama.free_first, drama.price_coins, drama.episodes)
            prices = ((no, its.episode_coins(no)) for no in range(1, drama.out(now_ms) + 1))
            found += [Paid(drama.drama_id, no, coins, its.version) for no, coins in prices if coins]
    return found


def purchases(viewers: Sequence[int], paid: Sequence[Paid], count: int) -> Iterator[tuple[int, Paid]]:
    """`count` unlocks, no two the same, viewer after viewer.  Raises TooSlow where there are not so many."""
    if count > len(viewers) * len(paid):
        raise TooSlow(f"{len(paid)} episodes cost coins: too few for {count} unlocks by {len(viewers)} viewers")
    shuffled = random.Random(viewers[0]).sample(list(paid), len(paid))  # noqa: S311 - load, no secret
    for n in range(count):
        turn, viewer = divmod(n, len(viewers))
        yield viewers[viewer], shuffled[(turn + viewer) % len(shuffled)]


@dataclass
class _Tally:
    """Answers by status, and how long after they were due, in ms; when the last one came."""

    answers: Counter[str] = field(default_factory=Counter)
    late_ms: list[float] = field(default_factory=list)
    last_s: float = 0.0


@dataclass
class Unlocks:
    """One run.  `viewers` are new ones, so whatever they have is this run's."""

    client: Client
    wallet: Wallet
    fences: Fences
    end: LogEnd
    paid: Sequence[Paid]
    viewers: Sequence[int]
    processes: Mapping[str, int] = field(default_factory=dict)  # pid by name, of those whose CPU is counted
    say: Callable[[str], None] = field(default=lambda _line: None)

    async def run(self, rate: float, seconds: float) -> Found:
        """`rate` unlocks a second for `seconds`, each viewer's coins credited before.  Raises TooSlow, Stuck."""
        wanted = list(purchases(self.viewers, self.paid, int(rate * seconds)))
        self.say(f"{len(self.viewers)} viewers are given coins")
        await asyncio.to_thread(self._credit, wanted)
        self.say(f"{rate:g} unlocks/s for {seconds:g} s")
        begins = await asyncio.to_thread(self.end.ends)
        tally, meter = _Tally(), Meter(self.processes)
        began = time.monotonic()
        async with sampled(self.fences) as samples:
            await at_rate(len(wanted), rate, lambda n, due_s: self._buy(*wanted[n], due_s, tally))
            told = await asyncio.to_thread(self._told, begins, tally.answers[DONE])
            for group in GROUPS:
                await self.fences.wait(group, [events[-1][0] if events else -1 for events in told])
        if not any(told):
            raise TooSlow(f"no unlock in the log: the answers were {dict(tally.answers)}; does the relay run?")
        stored = {group: _percentiles(samples[group], told) for group in GROUPS}
        return Found(
            len(wanted), dict(tally.answers), sum(map(len, told)),
            round(tally.answers[DONE] / (tally.last_s - began), 1), percentiles(tally.late_ms),
            stored["counters"], stored["store"],
            {name: round(1000 * used / len(wanted), 2) for name, used in meter.used().items()},
        )  # fmt: skip

    def _credit(self, wanted: Sequence[tuple[int, Paid]]) -> None:
        coins: Counter[int] = Counter()
        for user_id, one in wanted:
            coins[user_id] += one.coins
        for user_id, amount in coins.items():
            self.wallet.credit(user_id, amount, "benchmark", f"bench-{user_id}")

    async def _buy(self, user_id: int, one: Paid, due_s: float, tally: _Tally) -> None:
        path = f"/v1/dramas/{one.drama_id}/episodes/{one.episode_no}/unlock"
        body = json.dumps({"price_version": one.price_version, "way": "episode"}).encode()
        key = f"Idempotency-Key: bench-{user_id}-{one.drama_id}-{one.episode_no}"
        answer = await self.client.call(user_id, "POST", path, body, key)
        tally.last_s = time.monotonic()
        tally.late_ms.append((tally.last_s - due_s) * 1000)
        tally.answers[str(answer.status)] += 1

    def _told(self, begins: Sequence[int], count: int) -> list[list[tuple[int, int]]]:
        """(offset, time of the transaction) of our unlocks in each partition, until there are `count` or RELAYED_S."""
        ours = {str(user_id).encode() for user_id in self.viewers}
        told: list[list[tuple[int, int]]] = [[] for _ in begins]
        read, until = list(begins), time.monotonic() + RELAYED_S
        while sum(map(len, told)) < count and time.monotonic() < until:
            time.sleep(ASK_S)
            for p, end in enumerate(self.end.ends()):
                records = self.end.records(p, read[p], end) if end > read[p] else ()
                told[p] += [(r.offset, at) for r in records if r.key in ours and (at := _unlocked_ms(r.value))]
                read[p] = end
        return told


def _unlocked_ms(value: bytes | None) -> int:
    """When the unlock was made, Unix ms; 0 for other events."""
    event = decode(value) if value else None
    return event.at_ms if isinstance(event, Unlocked) else 0


def _percentiles(samples: Sequence[Sample], told: Sequence[Sequence[tuple[int, int]]]) -> Percentiles:
    return percentiles([ms for p, events in enumerate(told) for ms in latencies_ms(samples, p, events)])
