"""Receiving bodies: slow, endless and inflated ones have their bounds; admission is decided before."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest

from ingest_api.auth import Tokens
from ingest_api.errors import BadGzip, BadRequest, BodyTimeout, ClientGone, Overloaded, TooLarge
from ingest_api.events.admission import Admission
from ingest_api.events.body import inflate, is_gzip, receive_body
from ingest_api.events.contract import MAX_BODY_BYTES
from ingest_api.events.log import Waiting
from ingest_api.events.route import EventsRoute
from tests.builders import NOW_S, SECRET, a_token
from tests.memory_log import MemoryLog

LIMIT = 1_000
NEVER = object()


class Sender:
    """A client that sends these parts and then hangs up, or (NEVER) sends nothing more."""

    def __init__(self, parts: Iterable[Any]) -> None:
        self._parts = self._all(parts)
        self.taken = 0

    async def _all(self, parts: Iterable[Any]) -> AsyncIterator[dict[str, Any]]:
        for part in parts:
            if part is NEVER:
                await asyncio.Event().wait()
            self.taken += 1
            yield {"type": "http.request", "body": part, "more_body": part != b""}
        yield {"type": "http.disconnect"}

    async def __call__(self) -> dict[str, Any]:
        return await anext(self._parts)


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog(1)


@pytest.fixture
def admission(log: MemoryLog) -> Admission:
    return Admission(log, messages=10, size=5_000)


def held(admission: Admission) -> int:
    return admission._held


async def receive(sender: Sender, admission: Admission, within_s: float = 5.0, **headers: bytes) -> bytes:
    named = {name.replace("_", "-").encode(): value for name, value in headers.items()}
    return await receive_body(sender, named, LIMIT, admission, within_s)


async def test_a_body_in_parts_is_put_together(admission: Admission) -> None:
    assert await receive(Sender([b"ab", b"c", b""]), admission) == b"abc"
    assert held(admission) == 0


async def test_a_slow_body_is_cut_at_the_deadline(admission: Admission) -> None:
    with pytest.raises(BodyTimeout) as cut:
        await receive(Sender([b"a", NEVER]), admission, within_s=0.01)
    assert cut.value.status == 408
    assert (b"connection", b"close") in cut.value.headers()
    assert held(admission) == 0


async def test_a_drip_of_bytes_does_not_move_the_deadline(admission: Admission) -> None:
    async def drip() -> dict[str, Any]:
        await asyncio.sleep(0.001)
        return {"type": "http.request", "body": b"", "more_body": True}

    with pytest.raises(BodyTimeout):
        await receive_body(drip, {}, LIMIT, admission, 0.02)


async def test_an_announced_body_that_is_too_large_is_not_read(admission: Admission) -> None:
    sender = Sender([b"a"])
    for length in (b"1001", b"9" * 30):
        with pytest.raises(TooLarge):
            await receive(sender, admission, content_length=length)
    assert sender.taken == 0


async def test_a_body_that_lies_about_its_length_is_cut(admission: Admission) -> None:
    sender = Sender([b"x" * 600, b"x" * 600, b"x" * 600, b""])
    with pytest.raises(TooLarge):
        await receive(sender, admission, content_length=b"5")
    assert sender.taken == 2
    assert held(admission) == 0


async def test_a_length_that_is_none_is_refused(admission: Admission) -> None:
    with pytest.raises(BadRequest):
        await receive(Sender([b""]), admission, content_length=b"-1")


async def test_who_hangs_up_is_not_waited_for(admission: Admission) -> None:
    with pytest.raises(ClientGone):
        await receive(Sender([b"a"]), admission)
    assert held(admission) == 0


async def test_unfinished_bodies_count_towards_the_high_water_mark(log: MemoryLog) -> None:
    admission = Admission(log, messages=10, size=1_000)
    slow = [asyncio.create_task(receive(Sender([b"x" * 500, NEVER]), admission)) for _ in range(2)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        admission.check()
    for task in slow:
        task.cancel()
    await asyncio.wait(slow)
    admission.check()


async def test_bodies_under_way_are_stopped_before_memory_is_out(log: MemoryLog) -> None:
    admission = Admission(log, messages=10, size=1_000)
    admission.hold(1_500)
    with pytest.raises(Overloaded):
        await receive(Sender([b"x" * 500, b""]), admission)
    assert held(admission) == 1_500


@pytest.mark.parametrize("waiting", [Waiting(10, 0), Waiting(0, 5_000)])
async def test_admission_is_refused_before_the_body_is_asked_for(
    log: MemoryLog, admission: Admission, waiting: Any
) -> None:
    log.stuck = waiting
    sender = Sender([b"a"])
    route = EventsRoute(Tokens(SECRET, lambda: NOW_S), admission, ingest=None)  # type: ignore[arg-type]
    headers = [(b"authorization", b"Bearer " + a_token().encode())]
    with pytest.raises(Overloaded):
        await route({"method": "POST", "headers": headers, "client": None}, sender, send=None)  # type: ignore[arg-type]
    assert sender.taken == 0


def test_a_bomb_is_stopped_at_the_bound() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    tracemalloc.start()
    with pytest.raises(TooLarge):
        inflate(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 4 * MAX_BODY_BYTES


def test_a_body_of_just_the_bound_is_inflated() -> None:
    assert len(inflate(gzip.compress(b" " * MAX_BODY_BYTES))) == MAX_BODY_BYTES


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", gzip.compress(b"{}", mtime=0)[:-1], gzip.compress(b"{}", mtime=0) + b"x", gzip.compress(b"")[:10]],
    ids=["empty", "plain", "cut short", "more behind", "head only"],
)
def test_what_is_not_one_whole_gzip_stream_is_refused(body: bytes) -> None:
    with pytest.raises(BadGzip):
        inflate(body)


def test_a_body_without_a_type_is_taken_for_json() -> None:
    assert is_gzip({}) is False
    assert is_gzip({b"content-encoding": b"GZIP"}) is True
