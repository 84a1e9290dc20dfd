"""Where a canary goes and where it is looked for: the API by HTTP, the fold's keys in Redis, `events` in ClickHouse."""

from __future__ import annotations

import asyncio
import time
from types import TracebackType
from typing import Self, cast

import aiohttp
import msgspec
import redis.asyncio as aioredis
from redis.exceptions import RedisError

from domain import canary, counters, keys, state, window
from infra import fold_store
from infra.clickhouse.http import Http
from infra.fold_store import Wait
from infra.settings import Settings
from ingest_api.auth import Scope, WeakSecret, issue
from juliu.canary.flight import Away, Bird, Gate, Place, Refused, Stage, Unknown

MARGIN_S = 2.0  # beyond the API's own longest wait for Kafka
ANSWER_S = 5.0  # of a store
TOKEN_S = 3_600  # a viewer's token is the same for so long: the API remembers those that it has verified
TOLD = 200  # characters of an answer
MANY_REQUESTS = 429
GROUP, COUNTED_AS = "counters", counters.IMPRESSIONS

# by primary key; the day around it, because the API may have corrected the clock of who sent it
ROWS = """
SELECT count() FROM events
WHERE event_type = {type:String} AND drama_id = {drama:UInt64} AND user_id = {user:UInt64}
    AND session_id = {session:String} AND seq = {seq:UInt64}
    AND toDate(ts) >= toDate(fromUnixTimestamp64Milli({at:Int64}, 'Asia/Shanghai')) - 1
    AND toDate(ts) <= toDate(fromUnixTimestamp64Milli({at:Int64}, 'Asia/Shanghai')) + 1
"""


class Receipt(msgspec.Struct):
    """What POST /v1/events answers, as far as it is looked at."""

    accepted: int


_receipt = msgspec.json.Decoder(Receipt).decode


class HttpGate:
    """Gate, over a connection of its own each time: taking new connections is part of what is tried."""

    def __init__(self, settings: Settings) -> None:
        self._secret = settings.jwt_secret.get_secret_value()
        base = settings.canary_url or f"http://{settings.api_host}:{settings.api_port}"
        self._url = f"{base.rstrip('/')}/v1/events"
        self._within_s = settings.ack_timeout_ms / 1000 + MARGIN_S

    async def send(self, bird: Bird) -> None:
        """See Gate."""
        try:
            token = issue(self._secret, bird.user_id, Scope.CANARY, int(time.time()) // TOKEN_S * TOKEN_S, 1)
        except WeakSecret as error:
            raise Refused(str(error)) from error
        try:
            status, text = await self._post(bird.body(), {"Authorization": f"Bearer {token}"})
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Unknown(f"{self._url}: {error!r}"[:TOLD]) from error
        judge(status, text)

    async def _post(self, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        timeout = aiohttp.ClientTimeout(total=self._within_s)
        whole = {**headers, "Content-Type": "application/json"}
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(self._url, data=body, headers=whole, allow_redirects=False) as answer,
        ):
            return answer.status, await answer.content.read(1 << 16)


def judge(status: int, text: bytes) -> None:
    """Return for a canary that was accepted.  Raises Refused, Unknown."""
    told = f"{status} {text[:TOLD].decode(errors='replace')}"
    if status >= 500 or status == MANY_REQUESTS:
        raise Unknown(told)
    try:
        if status != 202 or _receipt(text).accepted != 1:
            raise Refused(told)
    except msgspec.DecodeError as error:
        raise Unknown(told) from error


class RedisCounts:
    """Place: its number is in the window of its session, and the count of its drama has risen."""

    def __init__(self, client: aioredis.Redis) -> None:
        self._redis = client
        self._before: dict[int, int] = {}  # partition -> count

    async def before(self, bird: Bird) -> None:
        """See Place."""
        self._before.pop(bird.partition, None)
        _, count = await self._read(bird)
        self._before[bird.partition] = count

    async def has(self, bird: Bird) -> bool:
        """See Place."""
        known, count = await self._read(bird)
        verdict, _ = window.add(known, bird.seq, 0)
        return verdict == window.SEEN and count > self._before.get(bird.partition, 0)

    async def _read(self, bird: Bird) -> tuple[window.Window, int]:
        """The window of its session, and the count of its drama in its partition."""
        p = bird.partition
        try:
            ns = int(cast(bytes | None, await self._redis.get(keys.namespace(p))) or 0)
            session = keys.session(GROUP, ns, p, bird.user_id, bird.session_id)
            known = cast(bytes | None, await self._redis.hget(session, state.WINDOW))
            field = counters.field(canary.DRAMA_ID, COUNTED_AS)
            count = cast(bytes | None, await self._redis.hget(keys.counters_part(ns, p), field))
        except (RedisError, OSError) as error:
            raise Away(f"redis: {error!r}"[:TOLD]) from error
        return window.decode(known.decode() if known else None), int(count or 0)


class ClickHouseRows:
    """Place: its row is in `events`."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def before(self, bird: Bird) -> None:
        """Nothing: a row has an identity of its own."""

    async def has(self, bird: Bird) -> bool:
        """See Place."""
        values = {
            "type": canary.EVENT.__struct_config__.tag, "drama": canary.DRAMA_ID, "user": bird.user_id,
            "session": bird.session_id, "seq": bird.seq, "at": bird.at_ms,
        }  # fmt: skip
        try:
            async with asyncio.timeout(ANSWER_S):
                found = await self._http.ask(ROWS, {f"param_{name}": str(value) for name, value in values.items()})
        except (Wait, TimeoutError) as error:
            raise Away(str(error) or "clickhouse: no answer in time") from error
        return int(found.text) > 0


class Sky:
    """All of it, connected: `async with Sky(settings) as sky`."""

    def __init__(self, settings: Settings) -> None:
        self._redis = fold_store.connect(settings.redis_url)
        self._http = Http(settings)
        self.gate: Gate = HttpGate(settings)
        self.places: dict[Stage, Place] = {
            Stage.COUNTED: RedisCounts(self._redis), Stage.STORED: ClickHouseRows(self._http),
        }  # fmt: skip

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._redis.aclose()
        await self._http.close()
