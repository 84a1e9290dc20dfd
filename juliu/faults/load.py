"""The load of a run: made-up viewers at a fixed rate over HTTP; what was neither taken nor refused is sent again."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import redis.asyncio as aioredis

from infra.catalogue.reader import read_catalogue
from infra.settings import Settings
from ingest_api.auth import Scope, issue
from juliu.faults import catalogue
from juliu.faults.ledger import AnswerLine, Ledger, Outcome
from juliu.faults.load_poison import Poisoner
from juliu.faults.traffic import Mix, Parcel, Poison, Traffic
from juliu.load.line import Line, request

TIMEOUT_S = 15.0  # longer than the API's longest wait for Kafka: a request without an answer by then is a fault
GIVE_UP_S = 300.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
STEP_S = 0.5  # those without jitter come back at its multiples
WAITING = 60  # requests that wait for a connection; a viewer's share one, so that they keep their order
RECENT = 100
LATENCIES = 200_000  # that are kept
TOKEN_DAYS = 3
AGAIN = frozenset((408, 429))

Address = tuple[str, int]


class Target(Protocol):
    """What the load needs of the arena."""

    @property
    def settings(self) -> Settings:
        """Straight to the servers."""

    @property
    def api_urls(self) -> Sequence[Address]:
        """Where the API listens now."""


class _Result(msgspec.Struct):
    status: str
    reason: str = ""


class _Receipt(msgspec.Struct):
    results: list[_Result]


_receipt = msgspec.json.Decoder(_Receipt).decode


class Load:
    """`events` events by `mix`, once: prepare(), then run()."""

    def __init__(self, arena: Target, events: int, seed: str, mix: Mix, folder: Path) -> None:
        self.events, self.mix = events, mix
        self.over = False
        self.answers: Counter[str] = Counter()  # attempts by outcome, "timeout" and HTTP status
        self.latencies_ms: list[float] = []
        self.acked_start_s = 0.0  # monotonic: the latest beginning of an attempt that was answered 202
        self.ledger: Ledger  # made by prepare
        self.recent: deque[Parcel] = deque(maxlen=RECENT)  # the last that were answered 202, sent for the first time
        self._poisoner: Poisoner  # made by run
        self._arena, self._seed, self._folder = arena, seed, folder
        self._rnd = random.Random(f"{seed} pauses")  # noqa: S311 - load, no secret
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._tokens: dict[tuple[int, Scope], str] = {}
        self._began_s = 0.0
        self._gave_up = False

    async def prepare(self) -> None:
        """Read what the catalogue's dense indexes are, and begin the ledger."""
        async with aioredis.Redis.from_url(self._arena.settings.redis_url) as redis:
            published = await read_catalogue(redis)
        indexes = {drama.drama_id: drama.index for drama in published}
        self.ledger = Ledger(self._folder / "ledger.jsonl", indexes)

    async def run(self) -> None:
        """Returns when every event was answered, or GIVE_UP_S passed for one: then the ledger says so."""
        settings = self._arena.settings
        secret = settings.ticket_secret.get_secret_value().encode()
        traffic = Traffic(catalogue.dramas(), self.mix, self._seed, int(time.time() * 1000), secret)
        queues = [asyncio.Queue[Parcel | None](WAITING) for _ in range(int(self.mix.lanes))]
        self._began_s = time.monotonic()
        poisoner = self._poisoner = Poisoner(settings, self.ledger)
        try:
            async with asyncio.TaskGroup() as tasks:
                for number, queue in enumerate(queues):
                    tasks.create_task(self._work(number, queue))
                await self._feed(traffic, queues, poisoner)
            await poisoner.close()
        finally:
            self.over = True
            self._release(self.events + 1)
            self.ledger.close()

    async def reached(self, share: float) -> None:
        """Until this share of the events has been sent, or nothing more will be."""
        wanted = int(share * self.events)
        if not self.over and self.ledger.sent < wanted:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append((wanted, future))
            await future

    async def post(self, parcel: Parcel) -> None:
        """One request of a fault's own, noted like all others; while run() goes on."""
        lines: dict[Address, Line] = {}
        await self._send(0, lines, parcel)
        for line in lines.values():
            line.close()

    def poison(self, one: Poison) -> None:
        """More of it, of a fault's own; while run() goes on."""
        self._poisoner.put(one)

    async def _feed(self, traffic: Traffic, queues: Sequence[asyncio.Queue[Parcel | None]], poisoner: Poisoner) -> None:
        """Everything at its time; where the queues are full it waits: viewers who have not come yet are no load."""
        for one in traffic.parcels(self.events):
            if self._gave_up:
                break
            ahead_s = self._began_s + one.due_ms / 1000 - time.monotonic()
            if ahead_s > 0.002:
                await asyncio.sleep(ahead_s)
            if isinstance(one, Poison):
                poisoner.put(one)
            else:
                await queues[(one.user_id + one.lane) % len(queues)].put(one)
        for queue in queues:
            await queue.put(None)

    async def _work(self, number: int, queue: asyncio.Queue[Parcel | None]) -> None:
        lines: dict[Address, Line] = {}
        try:
            while (parcel := await queue.get()) is not None:
                if not self._gave_up:
                    await self._send(number, lines, parcel)
        finally:
            for line in lines.values():
                line.close()

    async def _send(self, number: int, lines: dict[Address, Line], parcel: Parcel) -> None:
        """One request until somebody says yes or no."""
        self.ledger.sends(parcel)
        self._release(self.ledger.sent)
        attempt, pause_s, doubted, until = 0, FIRST_PAUSE_S, False, time.monotonic() + GIVE_UP_S
        while True:
            addresses = self._arena.api_urls
            address = addresses[(number + attempt) % len(addresses)]
            outcome, again_s = await self._attempt(lines.setdefault(address, Line(*address)), parcel, attempt, address)
            if outcome != "unknown":
                break
            if not doubted:
                doubted, self.ledger.unknown = True, self.ledger.unknown + len(parcel.events)
            if time.monotonic() > until:
                self._give_up(parcel, attempt)
                break
            await asyncio.sleep(self._pause_s(max(pause_s, again_s)))
            attempt, pause_s = attempt + 1, min(2 * pause_s, LONGEST_PAUSE_S)

    async def _attempt(
        self, line: Line, parcel: Parcel, attempt: int, address: Address
    ) -> tuple[Outcome, float]:  # and how long the server wants to be left alone
        whole = request("POST", "/v1/events", f"{address[0]}:{address[1]}", self._token(parcel), parcel.body)
        began_s, status, accepted, again_s = time.monotonic(), 0, 0, 0.0
        outcome: Outcome = "unknown"
        try:
            answer = await line.ask(whole, TIMEOUT_S)
        except TimeoutError:
            self.answers["timeout"] += 1
        except ConnectionRefusedError:
            self.answers["refused"] += 1  # nobody listens: a load balancer's business
        except OSError:
            self.answers["cut"] += 1
        else:
            status, again_s = answer.status, float(answer.retry_after_s or 0)
            outcome, accepted = self._judged(parcel, status, answer.body)
            self.answers[str(status)] += 1
        if outcome == "acked":
            self.acked_start_s = max(self.acked_start_s, began_s)
            if len(self.latencies_ms) < LATENCIES:
                self.latencies_ms.append((time.monotonic() - began_s) * 1000)
        done_ms = int((time.monotonic() - self._began_s) * 1000)
        self.answers[outcome] += 1
        self.ledger.answered(AnswerLine(parcel.n, attempt, outcome, status, accepted, done_ms))
        return outcome, again_s

    def _judged(self, parcel: Parcel, status: int, body: bytes) -> tuple[Outcome, int]:
        """What the answer means, and how many events it accepts; what it must not say goes into the ledger."""
        if status >= 500 or status in AGAIN:
            return "unknown", 0
        if status != 202:
            if not parcel.garbage:
                self.ledger.wrong(f"request {parcel.n}: {status} {body[:200]!r}")
            self.ledger.rejected += len(parcel.events)
            return "rejected", 0
        if parcel.garbage:
            self.ledger.wrong(f"request {parcel.n} was no batch and was accepted: {parcel.body[:100]!r}")
        said = tuple(result.reason if result.status == "rejected" else "" for result in _receipt(body).results)
        if said != parcel.reasons:
            self.ledger.wrong(f"request {parcel.n}: answered {said}, not {parcel.reasons}")
        accepted = said.count("")
        if parcel.events:
            self.recent.append(parcel)
            self.ledger.acked += accepted
            self.ledger.rejected += len(said) - accepted
        return "acked", accepted

    def _give_up(self, parcel: Parcel, attempt: int) -> None:
        self._gave_up = True
        self.ledger.wrong(f"request {parcel.n} was not answered for {GIVE_UP_S:.0f} s")
        done_ms = int((time.monotonic() - self._began_s) * 1000)
        self.ledger.answered(AnswerLine(parcel.n, attempt, "gone", 0, 0, done_ms))

    def _pause_s(self, pause_s: float) -> float:
        if self.mix.jitter:
            return min(pause_s, LONGEST_PAUSE_S) * self._rnd.uniform(0.5, 1.5)
        return STEP_S - time.monotonic() % STEP_S

    def _token(self, parcel: Parcel) -> str:
        """Made a day ago: a server whose clock is behind takes it too."""
        who = (parcel.user_id, Scope.BACKFILL if parcel.backfill else Scope.VIEWER)
        token = self._tokens.get(who)
        if token is None:
            secret, issued_s = self._arena.settings.jwt_secret.get_secret_value(), int(time.time()) - 86_400
            token = self._tokens[who] = issue(secret, *who, issued_s, TOKEN_DAYS)
        return token

    def _release(self, sent: int) -> None:
        """Wake those who waited for so many events."""
        left = []
        for wanted, future in self._waiting:
            if wanted > sent:
                left.append((wanted, future))
            elif not future.done():
                future.set_result(None)
        self._waiting = left
