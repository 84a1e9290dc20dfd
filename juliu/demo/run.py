"""The demo on a running, empty installation: replay, train, serve, replay the last day, ask, prove."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass

import redis.asyncio as aioredis
from rich.console import Console

from domain import keys
from infra.namespaces import GROUPS
from infra.settings import Settings
from ingest_api.auth import Scope, issue
from juliu.demo import catalogue, hits, lists, log, opens, proof, questions, shop
from juliu.demo.commands import juliu
from juliu.demo.events import Composer, count
from juliu.demo.ledger import Ledger
from juliu.demo.log import WatchLog
from juliu.demo.replay import replay
from juliu.demo.report import Report
from juliu.load.client import Client
from juliu.load.positions import Fences, LogEnd

TOKEN_DAYS = 2
MERGED_WITHIN_S = 60.0  # the merge task runs every second, less often on a busy machine
POLL_S = 0.1


@dataclass
class Demo:
    """What the steps share.  The recommendations know `past`; `future` is what the viewers did then."""

    settings: Settings
    console: Console
    report: Report
    client: Client
    redis: aioredis.Redis
    past: WatchLog
    future: WatchLog
    durations_ms: dict[int, int]
    ledger: Ledger
    composer: Composer

    async def play(self) -> None:
        """All steps, in order.  Raises what a step cannot go on after (juliu.commands.demo.STOPS)."""
        one_day = self.report.days == 1
        await self._replay(self.past, "the day's first half" if one_day else "the days before")
        with self.report.step("train"):
            self.console.print("juliu train: learning what these viewers also watched")
            await asyncio.to_thread(juliu, "train", "--as-of", str(int(self.future.at_ms[0])))
        with self.report.step("lists"):
            await self._compare_lists()
        with self.report.step("opens"):
            await self._open_again()
        await self._replay(self.future, "the second half" if one_day else "the last day")
        with self.report.step("questions"):
            self.report.answers = await asyncio.to_thread(questions.ask, self.settings)
        with self.report.step("unlocks"):
            await self._sell()
        with self.report.step("proof"):
            await self._prove()

    async def _replay(self, part: WatchLog, name: str) -> None:
        """Send a part and wait until both groups have taken all of it."""
        fences = Fences(self.redis, self.settings.partitions)
        events = count(part, self.durations_ms)
        with self.report.step("replay"):
            requests = self.composer.requests(part.exposures())
            sent = await replay(self.client, fences, requests, events=events, name=name, console=self.console)
        self.report.add(sent)
        with self.report.step("settle"):
            await _settle(self.settings, fences)
            await self._wrong_counters()  # until they are merged, the hot list is that of a moment ago

    async def _compare_lists(self) -> None:
        """Ask for the lists of viewers of the last day, before it happens, and see what they then watched."""
        truth = hits.watched(self.future.exposures())
        viewers = hits.sample(truth)
        known = hits.last_watched(self.past)
        seeds = {viewer: known[viewer] for viewer in viewers if viewer in known}
        feeds = await lists.feeds(self.client, viewers)
        hot = await lists.hot(self.client, viewers)
        also = await lists.also_watched(self.client, seeds)
        self.report.feeds, self.report.also_watched_asked = len(feeds), len(seeds)
        self.report.feed_hit_rate = hits.hit_rate(viewers, feeds, truth)
        self.report.hot_hit_rate = hits.hit_rate(viewers, hot, truth)
        self.report.also_watched_hit_at_10 = hits.hit_rate(viewers, also, truth)

    async def _open_again(self) -> None:
        """Let some viewers open their feed again and again."""
        viewers = hits.sample(set(self.future.user_id.tolist()), count=opens.VIEWERS)
        self.console.print(f"{len(viewers)} viewers open their feed {opens.OPENS} times")
        seen = opens.seen(self.past, self.durations_ms)
        opened = await opens.pages(self.client, viewers)
        self.report.opened(sum(map(len, opened)), list(opens.repeated(opened, seen)))

    async def _sell(self) -> None:
        """Let viewers of the last day unlock episodes of the serial, and see every unlock in every store."""
        buyers = hits.sample(set(self.future.user_id.tolist()), count=shop.BUYERS)
        self.console.print(f"{len(buyers)} viewers unlock the next episodes of a drama")
        with _client(self.settings, Scope.VIEWER) as client:
            sales = await shop.sell(self.settings, client, buyers)
        await shop.prove(self.settings, self.redis, sales)
        self.ledger.dramas.setdefault(catalogue.SERIAL_ID, Counter())["unlocks"] = sales.unlocks
        self.report.sold(sales)

    async def _prove(self) -> None:
        rows, late = await asyncio.to_thread(proof.read_rows, self.settings)
        wrong_rows = proof.rows_differ(self.ledger, rows, late)
        wrong_counters = await self._wrong_counters()
        self.report.rows_stored = sum(row.stored for row in rows.values())
        self.report.rows_distinct = sum(row.distinct for row in rows.values())
        self.report.clickhouse_equal, self.report.redis_equal = not wrong_rows, not wrong_counters
        self.report.differences += (wrong_rows + wrong_counters)[: proof.SHOWN]

    async def _wrong_counters(self) -> list[str]:
        """What differs in the merged counters once they had time to be merged."""
        until = time.monotonic() + MERGED_WITHIN_S
        while True:
            merged = {int(drama): row for drama, row in (await self.redis.hgetall(keys.COUNTERS)).items()}
            wrong = proof.counters_differ(self.ledger, merged)
            if not wrong or time.monotonic() > until:
                return wrong
            await asyncio.sleep(POLL_S)


async def run(settings: Settings, console: Console, report: Report, users: int | None) -> None:
    """Play the demo of `report.days` days on these servers; what it finds goes into `report`."""
    whole = log.read(log.FOLDER, now_ms=int(time.time() * 1000), days=report.days, users=users)
    split_ms, ledger = log.last_part_from_ms(whole), Ledger()
    durations_ms = catalogue.durations_ms(log.FOLDER)
    composer = Composer(durations_ms, ledger)
    past, future = whole.where(whole.at_ms < split_ms), whole.where(whole.at_ms >= split_ms)
    async with _connected(settings) as (client, redis):
        demo = Demo(settings, console, report, client, redis, past, future, durations_ms, ledger, composer)
        await demo.play()
    report.events_sent = ledger.sent


@asynccontextmanager
async def _connected(settings: Settings) -> AsyncIterator[tuple[Client, aioredis.Redis]]:
    async with aioredis.Redis.from_url(settings.redis_url) as redis:
        with _client(settings, Scope.BACKFILL) as client:
            yield client, redis


@contextmanager
def _client(settings: Settings, scope: Scope) -> Iterator[Client]:
    """A client whose tokens are of this scope."""
    secret, now_s = settings.jwt_secret.get_secret_value(), int(time.time())

    def token_of(user_id: int) -> str:
        return issue(secret, user_id, scope, now_s, TOKEN_DAYS)

    with closing(Client(settings.api_host, settings.api_port, token_of)) as client:
        yield client


async def _settle(settings: Settings, fences: Fences) -> None:
    """Wait until both groups have taken every event of the log."""
    end = LogEnd(settings)
    try:
        upto = await asyncio.to_thread(end.last_events)
    finally:
        end.close()
    for group in GROUPS:
        await fences.wait(group, upto)
