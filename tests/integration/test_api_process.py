"""`juliu api` as people start it, on real servers: from a request to records in Kafka, and to an orderly end."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition

from domain import events
from domain.topics import EVENTS, partition_of
from infra.catalogue.importing import import_file
from infra.catalogue.publish import publish
from infra.catalogue.shelf import RedisShelf
from infra.mysql.engine import engine_of
from infra.mysql.migrate import migrate
from infra.settings import Settings
from ingest_api.auth import Scope, issue
from tests.builders import DRAMA, EPISODE_MS, UNKNOWN_DRAMA, a_batch, a_session, an_event
from tests.catalogue import a_file, a_line, an_episode

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]
USER = 4_711


class Api:
    """A running `juliu api`."""

    def __init__(self, settings: Settings, port: int, workers: int) -> None:
        self.settings = settings
        self.port = port
        environment = os.environ | {"JULIU_REDIS_URL": settings.redis_url, "JULIU_API_PORT": str(port)}
        command = [sys.executable, "-m", "juliu", "api", "--workers", str(workers)]
        self.process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def ask(self, method: str, path: str, body: bytes = b"", scope: Scope = Scope.VIEWER) -> tuple[int, Any]:
        with closing(self.connect()) as connection:
            connection.request(method, path, body, self.headers(scope))
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if answer.headers["content-type"] == "application/json" else text

    def headers(self, scope: Scope = Scope.VIEWER) -> dict[str, str]:
        token = issue(self.settings.jwt_secret.get_secret_value(), USER, scope, int(time.time()), 1)
        return {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def is_ready(self) -> bool:
        with suppress(OSError, http.client.HTTPException):
            return self.ask("GET", "/readyz")[0] == 200
        return False


def until(condition: Callable[[], Any], within_s: float = 120.0) -> Any:
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {within_s} s")


@pytest.fixture
def api(request: pytest.FixtureRequest, fresh: Settings, tmp_path: Path) -> Iterator[Api]:
    migrate(fresh)
    engine, shelf = engine_of(fresh), RedisShelf.of(fresh)
    episodes = [an_episode(number, DRAMA, duration_ms=EPISODE_MS) for number in (1, 2, 3)]
    import_file(engine, a_file(tmp_path / "catalogue.jsonl", a_line(DRAMA, episodes=episodes)))
    publish(engine, shelf)
    engine.dispose()
    shelf.close()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = Api(fresh, port, workers=getattr(request, "param", 1))
    try:
        until(running.is_ready)
        yield running
    finally:
        running.process.terminate()
        running.process.communicate(timeout=30)


def logged(settings: Settings, session_id: str) -> list[Any]:
    """The events of this session that are in Kafka."""
    consumer = Consumer({"bootstrap.servers": settings.kafka, "group.id": "test", "enable.auto.commit": False})
    try:
        at = TopicPartition(EVENTS.name, partition_of(USER, settings.partitions), 0)
        _, end = consumer.get_watermark_offsets(at, timeout=10)
        consumer.assign([at])
        found: list[Any] = []
        while not found or found[-1].offset() < end - 1:
            found += consumer.consume(1_000, timeout=1)
        own = (message for message in found if message.key() == b"%d" % USER)
        return [event for event in map(events.decode, (m.value() for m in own)) if event.session_id == session_id]
    finally:
        consumer.close()


def body(session_id: str, *sent: dict[str, Any]) -> bytes:
    now_ms = int(time.time() * 1000)
    return json.dumps(a_batch(*({**event, "at_ms": now_ms} for event in sent), session_id=session_id)).encode()


def test_what_is_answered_accepted_is_in_kafka(api: Api) -> None:
    session_id = str(uuid.uuid4())
    sent = [*a_session(20), an_event(seq=21, drama_id=UNKNOWN_DRAMA)]
    status, answer = api.ask("POST", "/v1/events", body(session_id, *sent))
    assert (status, answer["accepted"], answer["rejected"]) == (202, 20, 1)
    assert [event.seq for event in logged(api.settings, session_id)] == list(range(1, 21))
    assert {event.user_id for event in logged(api.settings, session_id)} == {USER}


def test_a_backfill_keeps_its_own_clock(api: Api) -> None:
    session_id, long_ago_ms = str(uuid.uuid4()), int(time.time() * 1000) - 20 * 86_400_000
    batch = a_batch(an_event(at_ms=long_ago_ms), session_id=session_id, sent_at_ms=long_ago_ms)
    status, _ = api.ask("POST", "/v1/events", json.dumps(batch).encode(), Scope.BACKFILL)
    (event,) = logged(api.settings, session_id)
    assert (status, event.received_at_ms, event.ts_ms, event.late) == (202, long_ago_ms, long_ago_ms, False)


def test_sigterm_ends_it_in_order(api: Api) -> None:
    """The request that is half sent is still taken, acknowledged and answered; no new connection is."""
    session_id = str(uuid.uuid4())
    content = body(session_id, *a_session(5))
    with closing(api.connect()) as connection:
        connection.putrequest("POST", "/v1/events")
        for name, value in {**api.headers(), "Content-Length": str(len(content))}.items():
            connection.putheader(name, value)
        connection.endheaders(content[:100])
        until(lambda: api.ask("GET", "/livez")[0] == 200)  # the half request was read before this one
        api.process.send_signal(signal.SIGTERM)
        until(lambda: refuses(api.port))
        connection.send(content[100:])
        answer = connection.getresponse()
        assert (answer.status, json.loads(answer.read())["accepted"]) == (202, 5)
    api.process.wait(30)
    assert len(logged(api.settings, session_id)) == 5


def refuses(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return True
    return False


@pytest.mark.parametrize("api", [1, 2], indirect=True, ids=["one worker", "two workers"])
def test_the_metrics_are_those_of_all_workers(api: Api) -> None:
    for _ in range(12):
        assert api.ask("POST", "/v1/events", body(str(uuid.uuid4()), an_event()))[0] == 202
    _, text = api.ask("GET", "/metrics")
    assert b'juliu_api_events_accepted_total{type="liked"} 12.0' in text


def test_with_a_weak_secret_it_says_so_and_does_not_start(stack: Settings) -> None:
    environment = os.environ | {"JULIU_JWT_SECRET": "short"}
    command = [sys.executable, "-m", "juliu", "api"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "JULIU_JWT_SECRET" in done.stderr
