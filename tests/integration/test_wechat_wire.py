"""The wire to WeChat over real HTTP and Redis: one token for all, limits, and what was done when no answer comes."""

from __future__ import annotations

import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
import redis
from pydantic import SecretStr

from domain import keys
from infra.fold_store import Wait
from infra.settings import Settings
from media_jobs.wechat.answers import NotSent, Refused, TooFast, Unclear
from media_jobs.wechat.limits import DAYS, MINUTES
from media_jobs.wechat.wire import Wire
from tests.standins.wechat import Server, serving
from tests.standins.wechat_state import Account

pytestmark = pytest.mark.servers
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
PAGES = (
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>",
    HEAD + b"Content-Length: 600\r\n\r\n{",
    HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
    HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    HEAD + b"Content-Length: 2\r\n\r\n[]",
    b"",
)
NOON_MS = 1_790_049_600_000  # 2026-09-22, 12:00 in Shanghai: no minute and no day ends in the middle of a test
HOUR_MS = 3_600_000
NAME = {"media_name": "我的演艺 - 第1集", "media_url": "https://bucket.example/1.mp4"}


class Scene(NamedTuple):
    account: Account
    server: Server
    store: redis.Redis

    def wire(self, base: str = "", secret: str = "", at_ms: Callable[[], int] = lambda: NOON_MS) -> Wire:
        word = SecretStr(secret or self.account.secret)
        return Wire(base or self.server.base, self.account.appid, word, self.store, at_ms)


@pytest.fixture
def store(stack: Settings) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(stack.redis_url.removesuffix("/0") + "/15") as client:
        client.flushdb()
        yield client


@pytest.fixture
def scene(store: redis.Redis) -> Iterator[Scene]:
    account = Account()
    with serving(account) as server:
        yield Scene(account, server, store)


def test_many_processes_fetch_one_token(scene):
    wires = [scene.wire() for _ in range(12)]
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda wire: wire.call("listdramas", {}), wires))
    assert (scene.account.calls["stable_token"], scene.account.calls["listdramas"]) == (1, 12)


def test_the_token_lives_shorter_than_it_is_good(scene):
    scene.wire().call("listdramas", {})
    assert 0 < scene.store.ttl(keys.wechat_token(scene.account.appid)) <= 7_200 - 120


def test_a_token_that_is_not_taken_is_fetched_anew_and_the_call_made_once(scene):
    wire = scene.wire()
    wire.call("listdramas", {})
    scene.account.tokens[:] = ["of-another-server"]
    wire.call("pullupload", NAME)
    assert len(scene.account.tasks) == 1


def test_a_token_that_stays_bad_is_forced_but_not_again_and_again(scene):
    wire = scene.wire()
    wire.call("listdramas", {})
    scene.account.bad_tokens.update(scene.account.tokens)
    wire.call("listdramas", {})
    assert len(scene.account.tokens) == 2
    for _ in range(4):
        scene.account.bad_tokens.update(scene.account.tokens)
        with pytest.raises(TooFast):
            wire.call("listdramas", {})
    assert len(scene.account.tokens) == 2


def test_a_wrong_secret_is_told_and_is_in_no_message(scene):
    with pytest.raises(Refused) as refused:
        scene.wire(secret="wrong-and-secret").call("listdramas", {})
    assert refused.value.code == 40125
    assert "wrong-and-secret" not in str(refused.value)


def test_chinese_goes_as_utf8(scene):
    scene.wire().call("pullupload", NAME)
    (task,) = scene.account.tasks.values()
    assert task.name == NAME["media_name"]


def test_an_answer_that_does_not_come_may_have_been_done(scene):
    scene.account.traits.lose = ["pullupload"]
    with pytest.raises(Unclear):
        scene.wire().call("pullupload", NAME)
    assert len(scene.account.tasks) == 1


def test_a_system_error_may_have_been_done(scene):
    wire = scene.wire()
    wire.call("listdramas", {})
    scene.account.traits.system_error = 1.0
    for _ in range(8):
        with pytest.raises(Unclear):
            wire.call("pullupload", NAME)
    assert 0 < len(scene.account.tasks) < 8


def test_where_nobody_listens_nothing_was_done(scene):
    wire = scene.wire()
    wire.call("listdramas", {})
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(NotSent) as away:
        scene.wire(base).call("listdramas", {})
    assert scene.account.tokens[-1] not in "".join(traceback.format_exception(away.value))


@pytest.mark.parametrize("page", PAGES)
def test_a_gateways_page_or_half_an_answer_is_none(scene, page):
    scene.wire().call("listdramas", {})
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            with listening.accept()[0] as connection:
                connection.recv(65_536)
                connection.sendall(page)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        with pytest.raises(Unclear) as unclear:
            scene.wire(f"http://127.0.0.1:{listening.getsockname()[1]}").call("listdramas", {})
        thread.join(10)
    assert scene.account.tokens[-1] not in "".join(traceback.format_exception(unclear.value))


def test_what_is_too_often_is_not_sent(scene):
    clock = [NOON_MS + 45_000]
    wire, most = scene.wire(at_ms=lambda: clock[0]), MINUTES["auditdrama"]
    for _ in range(most):
        with suppress(Refused):
            wire.call("auditdrama", {})
    with pytest.raises(TooFast) as slow:
        wire.call("auditdrama", {})
    assert (scene.account.calls["auditdrama"], slow.value.after_s) == (most, 15)
    clock[0] += 15_000
    with suppress(Refused):
        wire.call("auditdrama", {})
    assert scene.account.calls["auditdrama"] == most + 1


def test_urgent_audits_are_five_of_a_day_in_china(scene):
    clock = [NOON_MS - 5 * HOUR_MS]  # 7:00 there, while the day of UTC has an hour left
    wire = scene.wire(at_ms=lambda: clock[0])
    for _ in range(DAYS["expedited"]):
        wire.take("expedited")
    clock[0] += 2 * HOUR_MS
    with pytest.raises(TooFast) as slow:
        wire.take("expedited")
    assert slow.value.after_s == 15 * 3_600
    clock[0] += 15 * HOUR_MS
    wire.take("expedited")


def test_papers_are_uploaded(scene, tmp_path: Path):
    paper = tmp_path / "0.png"
    paper.write_bytes(b"\x89PNG and so on")
    made = scene.wire().material(paper, "image/png")
    assert made in scene.account.materials


def test_without_redis_it_waits(scene):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    away = redis.Redis(port=port, socket_connect_timeout=1, retry=None)
    with pytest.raises(Wait, match="redis"):
        Wire(scene.server.base, scene.account.appid, SecretStr("s"), away, lambda: NOON_MS).call("listdramas", {})
