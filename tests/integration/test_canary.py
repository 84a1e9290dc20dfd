"""The canary on real servers: it arrives, is told where it does not, and nothing that people read has it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
import redis

from domain import canary, counters, keys
from infra.clickhouse.client import connect
from infra.settings import Settings
from ingest_api.auth import Scope, issue
from juliu.demo import proof
from recommender.learning import snapshot
from recommender.learning.weights import WEIGHTS
from tests import unlock_arena
from tests.fold_worker import free_port
from tests.redis_server import until
from tests.servers import own_home
from tests.unlock_arena import DRAMAS, Arena

pytestmark = [pytest.mark.servers, pytest.mark.timeout(420)]

VIEWER, VIEWERS = 11, 20
EVERY_STAGE = {"accepted", "counted", "stored"}
WITHIN_S = 90.0


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Arena]:
    catalogue = tmp_path_factory.mktemp("canary") / "catalogue.jsonl"
    with own_home("canary") as home, unlock_arena.running(
        home, catalogue, lambda: Settings(_env_file=home.local_env)  # type: ignore[call-arg]
    ) as one:  # fmt: skip
        yield one


def typed(arena: Arena, *words: str, rc: int = 0, **environment: str) -> list[dict[str, Any]]:
    """`juliu canary --once --json` and its lines."""
    done = subprocess.run(
        [sys.executable, "-m", "juliu", "canary", "--once", "--json", *words],
        env=env(arena) | environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == rc, done.stdout + done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def env(arena: Arena) -> dict[str, str]:
    port = arena.port("api")
    return os.environ | {"JULIU_HOME": str(arena.home.path), "JULIU_CANARY_URL": f"http://127.0.0.1:{port}"}


def test_one_arrives_in_every_partition_and_nobody_can_tell(arena):
    until(lambda: typed_until(arena), WITHIN_S, "everything has started")
    for user_id in range(VIEWER, VIEWER + VIEWERS):
        assert json.loads(said(arena, "/v1/events", user_id, a_session(user_id)))["accepted"] == 6
    until(lambda: settled(arena), WITHIN_S, "what the viewers did is stored and merged")
    before, mine = everything_read(arena), marks(arena)
    for _ in range(2):
        flights = typed(arena)
        assert [flight["partition"] for flight in flights] == list(range(arena.settings.partitions))
        assert all(set(flight["seconds"]) == EVERY_STAGE and not flight["failures"] for flight in flights)
    merged(arena)
    assert everything_read(arena) == before
    rounds = marks(arena)
    assert rounds["rows"] - mine["rows"] == rounds["counted"] - mine["counted"] == 2 * arena.settings.partitions
    assert rounds["keys"] == 2 * rounds["sessions"]  # of each session a window in either group, and nothing else
    assert rounds["keys"] <= 2 * 2 * arena.settings.partitions  # one session a day, or two around midnight
    assert 0 < rounds["shortest_s"] <= rounds["longest_s"] <= keys.SESSION_LIFE_S


def typed_until(arena: Arena) -> bool:
    done = subprocess.run(
        [sys.executable, "-m", "juliu", "canary", "--once"], env=env(arena), capture_output=True, check=False
    )
    return done.returncode == 0


def a_session(user_id: int) -> bytes:
    """A viewer is shown a drama, watches, likes and follows it."""
    now_ms = int(time.time() * 1000)
    base = {"drama_id": DRAMAS[user_id % len(DRAMAS)], "at_ms": now_ms}
    play = {**base, "episode_no": 1, "play_id": str(uuid.UUID(int=user_id))}
    sent = [
        {**base, "type": "impression", "source": "hot"},
        {**play, "type": "play_started"},
        {**play, "type": "heartbeat", "from_ms": 0, "to_ms": 20_000, "wall_ms": 20_000},
        {**play, "type": "play_ended", "from_ms": 20_000, "to_ms": 30_000, "wall_ms": 10_000},
        {**base, "type": "liked", "episode_no": 1},
        {**base, "type": "followed"},
    ]
    events = [{**event, "event_id": str(uuid.uuid4()), "seq": seq} for seq, event in enumerate(sent, 1)]
    return json.dumps({"session_id": str(uuid.uuid4()), "sent_at_ms": now_ms, "events": events}).encode()


def settled(arena: Arena) -> bool:
    rows, _ = proof.read_rows(arena.settings)
    with redis.Redis.from_url(arena.settings.redis_url) as client:
        found: Any = client.hvals(keys.COUNTERS)
    follows = sum(counters.decode(row)["follows"] for row in found)
    return follows == VIEWERS and sum(row.stored for row in rows.values()) == 6 * VIEWERS


def everything_read(arena: Arena) -> dict[str, Any]:
    """Everything that people and the recommender read: views, lists, numbers, answers of the API, the snapshot."""
    with connect(arena.settings) as client:
        named = client.query("SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View'")
        names = {str(name) for (name,) in named.result_rows}
        found = {name: client.query(f"SELECT * FROM {name} ORDER BY ALL").result_rows for name in names}
        read = snapshot.read(client, int(time.time() * 1000), WEIGHTS)
    assert {"user_daily", "drama_daily", "plays"} <= names
    found["watches"] = sorted(zip(read.watches.user_id.tolist(), read.watches.drama.tolist(), strict=True))
    found["pairs"] = sorted(zip(read.pairs.a.tolist(), read.pairs.b.tolist(), strict=True))
    found["proof"] = proof.read_rows(arena.settings)
    with redis.Redis.from_url(arena.settings.redis_url) as client:
        found["counters"] = client.hgetall(keys.COUNTERS)
        found["lists"] = [sorted(client.zrange(name, 0, -1)) for name in (keys.HOT, keys.TREND)]  # type: ignore[type-var]
    paths = ["/v1/hot", "/v1/trending", "/v1/me/history", "/v1/me/progress"]
    paths += [f"/v1/dramas/{drama_id}/counters" for drama_id in DRAMAS]
    found["answers"] = [without_scores(json.loads(said(arena, path))) for path in paths]
    assert str(canary.DRAMA_ID) not in said(arena, "/v1/feed")
    assert str(canary.DRAMA_ID) not in str(found)
    return found


def said(arena: Arena, path: str, user_id: int = VIEWER, body: bytes | None = None) -> str:
    """What the API answers this viewer."""
    token = issue(arena.settings.jwt_secret.get_secret_value(), user_id, Scope.VIEWER, int(time.time()), 1)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{arena.port('api')}{path}", body, headers)
    with urllib.request.urlopen(request, timeout=20) as answered:
        return str(answered.read().decode())


def without_scores(answer: Any) -> Any:
    """Heat fades from one merge to the next."""
    if isinstance(answer, dict):
        return {name: without_scores(value) for name, value in answer.items() if name != "score"}
    return [without_scores(each) for each in answer] if isinstance(answer, list) else answer


def merged(arena: Arena) -> None:
    """Let everything be merged anew; what changes meanwhile is tests/integration/test_merge.py's."""
    with redis.Redis.from_url(arena.settings.redis_url) as client:
        client.hdel(keys.MERGED, "stamp")
        until(lambda: client.hexists(keys.MERGED, "stamp"), WITHIN_S, "merged")


def marks(arena: Arena) -> dict[str, float]:
    """What the canaries left in the stores."""
    with connect(arena.settings) as client:
        sql = f"SELECT count(), uniqExact(user_id, session_id) FROM events WHERE drama_id = {canary.DRAMA_ID}"
        rows, sessions = client.query(sql).result_rows[0]
    users = {canary.user_of(p, arena.settings.partitions) for p in range(arena.settings.partitions)}
    with redis.Redis.from_url(arena.settings.redis_url, decode_responses=True) as client:
        theirs = [key for key in client.scan_iter(count=1_000) if any(str(user_id) in key for user_id in users)]
        lives = [int(client.ttl(key)) for key in theirs]  # type: ignore[arg-type]
        field = counters.field(canary.DRAMA_ID, counters.IMPRESSIONS)
        parts: list[Any] = [client.hget(keys.counters_part(1, p), field) for p in range(arena.settings.partitions)]
    counted = sum(int(part or 0) for part in parts)
    return {
        "rows": rows, "sessions": sessions, "counted": counted, "keys": len(theirs),
        "shortest_s": min(lives, default=0), "longest_s": max(lives, default=0),
    }  # fmt: skip


def test_the_schedule_sends_them_and_tells_in_its_metrics(arena):
    port = free_port()
    environment = env(arena) | {"JULIU_CANARY_EVERY_S": "1", "JULIU_METRICS_PORT": str(port)}
    schedule = subprocess.Popen([sys.executable, "-m", "juliu", "schedule"], env=environment)
    try:
        until(lambda: number(port, "juliu_canary_arrived_at_seconds") > time.time() - 60, WITHIN_S, "one arrived")
        until(lambda: number(port, 'juliu_canary_seconds_count{stage="stored"}') >= 2, WITHIN_S, "and another")
        assert number(port, "juliu_canary_failing_partitions") == 0
        assert json.loads(asked(port, "/readyz"))["partitions_without_canary"] == []
    finally:
        schedule.send_signal(signal.SIGTERM)
    assert schedule.wait(30) == 0


def asked(port: int, path: str) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answered:
            return str(answered.read().decode())
    except OSError:
        return ""


def number(port: int, sample: str) -> float:
    lines = [line for line in asked(port, "/metrics").splitlines() if line.startswith(f"{sample} ")]
    return float(lines[0].split()[-1]) if lines else -1.0


def test_a_token_of_another_installation_is_refused(arena):
    flights = typed(arena, rc=1, JULIU_JWT_SECRET="of-another-installation-0123456789abcdef")
    assert [flight["failures"] for flight in flights] == [["refused"]] * arena.settings.partitions
    assert "token_invalid" in flights[0]["detail"]


def test_an_api_that_is_not_there_is_told_as_a_server_that_does_not_answer(arena):
    flights = typed(arena, rc=3, JULIU_CANARY_URL=f"http://127.0.0.1:{free_port()}")
    assert [flight["failures"] for flight in flights] == [["unknown"]] * arena.settings.partitions


def test_workers_that_stand_still_are_told_by_stage(arena):  # the last test: they end when they wake
    for name in ("counters", "store"):
        os.kill(arena.pid(name), signal.SIGSTOP)
    try:
        flights = typed(arena, "--within", "3", rc=1)
    finally:
        for name in ("counters", "store"):
            os.kill(arena.pid(name), signal.SIGCONT)
    assert [flight["failures"] for flight in flights] == [["not_counted", "not_stored"]] * arena.settings.partitions
    assert all(set(flight["seconds"]) == {"accepted"} for flight in flights)
