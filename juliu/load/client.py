"""Sends requests over several lines; what a server was too busy for is sent again, the same, for a bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from juliu.load.line import Answer, Line, request

LINES = 48  # requests in flight; a viewer's requests share one line and so keep their order
WAITING_A_LINE = 16
TIMEOUT_S = 30.0  # longer than the API's longest wait for Kafka
GIVE_UP_S = 180.0
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 2.0
BUSY = frozenset((429, 503))


class Request(NamedTuple):
    """The body of one POST /v1/events, of one session of `user_id`."""

    user_id: int
    events: int
    body: bytes


class GaveUp(RuntimeError):
    """A request did not get through: refused for good, or not taken for too long."""


class Receipt(msgspec.Struct):
    """What POST /v1/events answers, as far as it is counted."""

    accepted: int
    rejected: int


@dataclass
class Sent:
    """How far the sending is."""

    requests: int = 0
    events: int = 0
    accepted: int = 0
    again: int = 0
    rejections: list[str] = field(default_factory=list)  # the first few answers with a rejection


_receipt = msgspec.json.Decoder(Receipt).decode
REJECTIONS_KEPT = 5


class Client:
    """Speaks to one API.  `token_of` makes the bearer token of a viewer."""

    def __init__(
        self, host: str, port: int, token_of: Callable[[int], str], lines: int = LINES, give_up_s: float = GIVE_UP_S
    ) -> None:
        self._host = f"{host}:{port}"
        self._token_of = token_of
        self._give_up_s = give_up_s
        self._tokens: dict[int, str] = {}
        self._lines = [Line(host, port) for _ in range(lines)]
        self._free = [asyncio.Lock() for _ in self._lines]

    async def send(self, requests: Iterable[Request], sent: Sent) -> None:
        """Post all requests, each viewer's in order, and count them in `sent`.  Raises GaveUp."""
        queues = [asyncio.Queue[Request | None](WAITING_A_LINE) for _ in self._lines]
        async with asyncio.TaskGroup() as tasks:
            for line, queue in zip(self._lines, queues, strict=True):  # nothing else is asked meanwhile
                tasks.create_task(self._post_all(line, queue, sent))
            for one in requests:
                await queues[one.user_id % len(queues)].put(one)
            for queue in queues:
                await queue.put(None)

    async def post(self, one: Request, sent: Sent) -> None:
        """Post one request and count it in `sent`.  Raises GaveUp."""
        mine = one.user_id % len(self._lines)
        async with self._free[mine]:
            await self._post(self._lines[mine], one, sent)

    async def get(self, user_id: int, path: str) -> Answer:
        """GET `path` as this viewer.  Raises GaveUp."""
        return await self.call(user_id, "GET", path)

    async def call(self, user_id: int, method: str, path: str, body: bytes = b"", *headers: str) -> Answer:
        """Any request that may be sent again when no answer came.  Raises GaveUp."""
        mine = user_id % len(self._lines)
        whole = request(method, path, self._host, self._token(user_id), body, *headers)
        async with self._free[mine]:
            answer, _ = await self._ask(self._lines[mine], whole)
        return answer

    def close(self) -> None:
        """Hang up all lines."""
        for line in self._lines:
            line.close()

    async def _post_all(self, line: Line, queue: asyncio.Queue[Request | None], sent: Sent) -> None:
        while (one := await queue.get()) is not None:
            await self._post(line, one, sent)

    async def _post(self, line: Line, one: Request, sent: Sent) -> None:
        whole = request("POST", "/v1/events", self._host, self._token(one.user_id), one.body)
        answer, again = await self._ask(line, whole)
        if answer.status != 202:
            raise GaveUp(f"POST /v1/events: {answer.status} {answer.body[:500]!r}")
        receipt = _receipt(answer.body)
        sent.again += again
        sent.requests += 1
        sent.events += one.events
        sent.accepted += receipt.accepted
        if receipt.rejected and len(sent.rejections) < REJECTIONS_KEPT:
            sent.rejections.append(answer.body.decode(errors="replace")[:2_000])

    async def _ask(self, line: Line, whole: bytes) -> tuple[Answer, int]:
        """The first answer that is not "busy", and how often the request had to be sent again."""
        deadline = asyncio.get_running_loop().time() + self._give_up_s
        again, pause, trouble = 0, FIRST_PAUSE_S, ""
        while asyncio.get_running_loop().time() < deadline:
            try:
                answer = await line.ask(whole, TIMEOUT_S)
            except (OSError, TimeoutError) as error:
                trouble, wait = repr(error), pause
            else:
                if answer.status not in BUSY:
                    return answer, again
                trouble, wait = f"{answer.status} {answer.body[:200]!r}", max(pause, answer.retry_after_s or 0)
            again, pause = again + 1, min(2 * pause, LONGEST_PAUSE_S)
            await asyncio.sleep(min(wait, LONGEST_PAUSE_S))
        raise GaveUp(f"not taken for {self._give_up_s:.0f} s, {again} times; last: {trouble}")

    def _token(self, user_id: int) -> str:
        token = self._tokens.get(user_id)
        if token is None:
            token = self._tokens[user_id] = self._token_of(user_id)
        return token


@asynccontextmanager
async def client(host: str, port: int, token_of: Callable[[int], str]) -> AsyncIterator[Client]:
    """A client that hangs up at the end."""
    one = Client(host, port, token_of)
    try:
        yield one
    finally:
        one.close()
