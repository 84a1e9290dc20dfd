"""The client against a server on loopback that misbehaves as servers do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from juliu.load.client import Client, GaveUp, Request, Sent

OK = b"HTTP/1.1 202 Accepted\r\ncontent-length: 27\r\n\r\n" + b'{"accepted":2,"rejected":0}'
BUSY = b"HTTP/1.1 503 Busy\r\nretry-after: 0\r\ncontent-length: 0\r\n\r\n"
HANG_UP = b""


class Api:
    """Answers each request with what `answer(body)` says; an empty answer hangs up."""

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self.answer = answer
        self.bodies: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                self.bodies.append(body)
                out = self.answer(body)
                if not out:
                    break
                writer.write(out)
        except asyncio.IncompleteReadError:
            pass
        writer.close()


@asynccontextmanager
async def api(answer: Callable[[bytes], bytes], give_up_s: float = 30) -> AsyncIterator[tuple[Api, Client]]:
    one = Api(answer)
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0)
    client = Client(
        "127.0.0.1", server.sockets[0].getsockname()[1], lambda user: f"t{user}", lines=3, give_up_s=give_up_s
    )
    try:
        yield one, client
    finally:
        client.close()
        server.close()


def requests(count: int) -> list[Request]:
    return [Request(user_id=n % 5, events=2, body=b"%d" % n) for n in range(count)]


async def test_everything_is_sent_once_and_each_viewers_requests_in_order():
    async with api(lambda body: OK) as (server, client):
        sent = Sent()
        await client.send(requests(200), sent)
    assert (sent.requests, sent.events, sent.accepted, sent.again) == (200, 400, 400, 0)
    for user in range(5):
        mine = [int(body) for body in server.bodies if int(body) % 5 == user]
        assert mine == sorted(mine)
        assert len(mine) == 40


@pytest.mark.parametrize("trouble", [BUSY, HANG_UP])
async def test_what_did_not_get_through_is_sent_again_the_same(trouble):
    seen: set[bytes] = set()

    def at_first_not(body: bytes) -> bytes:
        known = body in seen
        seen.add(body)
        return OK if known else trouble

    async with api(at_first_not) as (server, client):
        sent = Sent()
        await client.send(requests(6), sent)
    assert (sent.requests, sent.again) == (6, 6)
    assert sorted(server.bodies) == sorted([b"%d" % n for n in range(6)] * 2)


async def test_a_refusal_ends_the_sending():
    async with api(lambda body: b"HTTP/1.1 401 No\r\ncontent-length: 0\r\n\r\n") as (_, client):
        with pytest.raises(ExceptionGroup) as failure:
            await client.send(requests(50), Sent())
    assert failure.group_contains(GaveUp, match="401")


async def test_a_server_that_stays_busy_is_given_up():
    async with api(lambda body: BUSY, give_up_s=0.2) as (_, client):
        with pytest.raises(ExceptionGroup) as failure:
            await client.send(requests(1), Sent())
    assert failure.group_contains(GaveUp, match="503")


async def test_rejected_events_are_counted_and_shown():
    partly = b'{"accepted":1,"rejected":1,"results":[{"reason":"unknown_drama"}]}'
    async with api(lambda body: b"HTTP/1.1 202 Accepted\r\ncontent-length: %d\r\n\r\n%b" % (len(partly), partly)) as (
        _,
        client,
    ):
        sent = Sent()
        await client.send(requests(1), sent)
    assert (sent.events, sent.accepted) == (2, 1)
    assert "unknown_drama" in sent.rejections[0]
