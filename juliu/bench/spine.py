"""The benchmark of the spine: events in over HTTP, counted in Redis, stored in ClickHouse, on a running stack."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from infra.local.home import Home
from infra.namespaces import GROUPS
from juliu.bench import workers
from juliu.bench.latency import Percentiles, latencies_ms, percentiles
from juliu.bench.pace import at_rate, sampled
from juliu.bench.traffic import Traffic
from juliu.load import cpu
from juliu.load.client import Client, Sent
from juliu.load.positions import Fences, LogEnd

LARGE, SMALL = 100, 8  # events a request
RATE, BATCH = 1_000, 10  # events a second, and of one request, while latencies are taken
PREFILL = 400_000  # events that a stopped worker then catches up
PROCESSES = {"counters": "stream-counters", "store": "stream-store"}


@dataclass(frozen=True)
class Throughput:
    """As many requests as the API takes.  A rate `counted` ends when the counters worker has all of it in Redis."""

    requests_per_s: float
    acknowledged_per_s: float
    counted_per_s: float
    stored_per_s: float
    events_per_cpu_s: dict[str, int]  # by process, until all is stored


@dataclass
class Spine:
    """What is measured, a phase at a time; each is bounded by `seconds` or by a number of events."""

    home: Home
    client: Client
    fences: Fences
    end: LogEnd
    traffic: Traffic
    say: Callable[[str], None] = field(default=lambda _line: None)

    async def throughput(self, events: int, seconds: float) -> Throughput:
        """Send requests of `events` events for `seconds`, as fast as they are taken."""
        self.say(f"requests of {events} events for {seconds:.0f} s")
        meter, sent, began = cpu.Meter(cpu.pids(self.home)), Sent(), time.monotonic()
        until = began + seconds
        await self.client.send(self.traffic.requests(events, lambda: time.monotonic() < until), sent)
        acknowledged_s = time.monotonic() - began
        upto = await asyncio.to_thread(self.end.last_events)
        taken_s = {}
        for group in GROUPS:
            await self.fences.wait(group, upto)
            taken_s[group] = time.monotonic() - began
        return Throughput(
            round(sent.requests / acknowledged_s, 1), round(sent.accepted / acknowledged_s),
            round(sent.accepted / taken_s["counters"]), round(sent.accepted / taken_s["store"]),
            {name: round(sent.accepted / used) for name, used in meter.used().items() if used > 0.01},
        )  # fmt: skip

    async def latencies(self, seconds: float) -> dict[str, Percentiles]:
        """Event to store, by group, at RATE events a second sent at their due times whatever the answers do."""
        self.say(f"latencies at {RATE:,} events/s for {seconds:.0f} s")
        begins = await asyncio.to_thread(self.end.ends)
        async with sampled(self.fences) as samples:
            await at_rate(int(seconds * RATE / BATCH), RATE / BATCH, self._send)
            upto = await asyncio.to_thread(self.end.last_events)
            for group in GROUPS:
                await self.fences.wait(group, upto)
        due = [await asyncio.to_thread(self._due, p, begins[p], last + 1) for p, last in enumerate(upto)]
        return {
            group: percentiles([ms for p, events in enumerate(due) for ms in latencies_ms(samples[group], p, events)])
            for group in GROUPS
        }

    async def catch_up(self) -> dict[str, int]:
        """Records a CPU second of each worker, alone catching up PREFILL events that came while both stood still."""
        self.say(f"{PREFILL:,} events while both workers stand still")
        with workers.stopped(self.home, PROCESSES.values()):
            left = iter(range(PREFILL // LARGE))
            await self.client.send(self.traffic.requests(LARGE, lambda: next(left, None) is not None), Sent())
            upto = await asyncio.to_thread(self.end.last_events)
            return {group: await self._records_per_cpu_s(group, upto) for group in PROCESSES}

    async def _records_per_cpu_s(self, group: str, upto: list[int]) -> int:
        """Those of a new worker from its first move on: what its start cost is of no interest."""
        self.say(f"{PROCESSES[group]} catches up")
        before = await self.fences.read(group)
        pid = await workers.restart(self.home, PROCESSES[group], ready=False)
        moved = await self.fences.moved(group, before)
        used = cpu.seconds(pid)
        await self.fences.wait(group, upto)
        records = sum(last - fence for last, fence in zip(upto, moved, strict=True))
        return round(records / (cpu.seconds(pid) - used))

    async def _send(self, _n: int, _due_s: float) -> None:
        await self.client.post(self.traffic.request(BATCH), Sent())

    def _due(self, p: int, begin: int, end: int) -> list[tuple[int, int]]:
        """Offset and due time of each event of a part of the log; pulses have none."""
        records = self.end.records(p, begin, end)
        return [(each.offset, _at(each.value).at_ms) for each in records if each.value]


class _At(msgspec.Struct):
    """When an event was due."""

    at_ms: int


_at = msgspec.json.Decoder(_At).decode
