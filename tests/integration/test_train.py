"""`juliu train` on real servers: what it reads from ClickHouse, what it puts into Redis, what it refuses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import msgspec
import numpy as np
import pytest
import redis

from domain import keys
from domain.recommendations import Version, block_of, find, unpack
from infra.settings import Settings
from recommender.errors import Busy, Refused
from recommender.learning import asked, snapshot
from recommender.learning.weights import WEIGHTS, Weights
from recommender.publication.publish import Meta
from recommender.publication.store import RedisRecommendationStore
from recommender.training import job
from recommender.training.registry import ClickHouseRegistry
from recommender.training.source import ClickHouseSource
from tests.watch_rows import a_row, a_watch, insert

pytestmark = pytest.mark.servers

NOW_MS = 1_790_000_000_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


@pytest.fixture
def store(settings: Settings) -> Iterator[RedisRecommendationStore]:
    connected = RedisRecommendationStore.of(settings)
    yield connected
    connected.close()


def signals(client: Any, as_of_ms: int = NOW_MS) -> dict[tuple[int, int], dict[str, float]]:
    """(user, dense index) -> what the snapshot says."""
    watches = snapshot.read(client, as_of_ms, WEIGHTS).watches
    names = ("share", "completes", "seen", "positive", "liked", "followed", "at_ms")
    return {
        (int(watches.user_id[i]), int(watches.drama[i])): {name: float(getattr(watches, name)[i]) for name in names}
        for i in range(len(watches))
    }


def test_watching_is_counted_once_however_often_and_up_to_the_end(client):
    play = uuid.UUID(int=9)
    at = NOW_MS - HOUR_MS
    beats = [(0, 5_000), (3_000, 8_000), (0, 5_000), (20_000, 90_000)]  # 8 s, then 10 s up to the end at 30 s
    insert(client, [
        *(a_row("heartbeat", 1, 5, at, play_id=play, from_ms=a, to_ms=b, duration_ms=30_000) for a, b in beats),
        *a_watch(1, 5, at + 60_000, 3_000, 30_000),  # another playback, shorter
        *a_watch(1, 5, at + 90_000, 60_000, 60_000, episode_no=2),
        *a_watch(2, 5, at, 2_000, 60_000),
    ])  # fmt: skip
    found = signals(client)
    assert found[1, 5] == {
        "share": pytest.approx(0.6 + 1), "completes": 1, "seen": 1, "positive": 1, "liked": 0, "followed": 0,
        "at_ms": at + 90_000,
    }  # fmt: skip
    assert found[2, 5] == {
        "share": pytest.approx(2 / 60), "completes": 0, "seen": 0, "positive": 0, "liked": 0, "followed": 0,
        "at_ms": at,
    }  # fmt: skip


def test_reactions_count_as_they_stand_and_a_disliked_drama_is_left_out(client):
    at = NOW_MS - HOUR_MS
    insert(client, [
        a_row("liked", 1, 5, at), a_row("unliked", 1, 5, at + 1), a_row("liked", 1, 5, at + 2, episode_no=2),
        a_row("followed", 1, 6, at), a_row("liked", 1, 7, at), a_row("unliked", 1, 7, at + 1),
        a_row("followed", 1, 8, at), a_row("unfollowed", 1, 8, at + 1),
        *a_watch(1, 9, at), a_row("disliked", 1, 9, at + 1),
        *a_watch(2, 9, at),
    ])  # fmt: skip
    found = signals(client)
    assert set(found) == {(1, 5), (1, 6), (2, 9)}
    assert (found[1, 5]["liked"], found[1, 5]["followed"], found[1, 5]["share"]) == (1, 0, 0)
    assert (found[1, 6]["liked"], found[1, 6]["followed"]) == (0, 1)


def test_nothing_from_the_moment_on_and_nothing_of_long_ago_is_read(client):
    long_ago = NOW_MS - WEIGHTS.window_days * DAY_MS
    insert(
        client,
        [*a_watch(1, 1, NOW_MS - 1), *a_watch(1, 2, NOW_MS), *a_watch(1, 3, long_ago), *a_watch(1, 4, long_ago - 1)],
    )
    assert set(signals(client)) == {(1, 1), (1, 3)}
    half = uuid.UUID(int=77)
    insert(client, [
        a_row("heartbeat", 2, 1, NOW_MS - 5, play_id=half, to_ms=30_000, duration_ms=60_000),
        a_row("heartbeat", 2, 1, NOW_MS + 5, play_id=half, from_ms=30_000, to_ms=60_000, duration_ms=60_000),
    ])  # fmt: skip
    assert signals(client)[2, 1]["share"] == 0.5  # a playback that goes on is read up to the moment


def test_a_viewer_brings_in_the_latest_dramas_only(client):
    few = msgspec.structs.replace(WEIGHTS, dramas_a_viewer=2, pair_dramas=2)
    insert(client, [row for index in range(1, 6) for row in a_watch(1, index, NOW_MS - index * HOUR_MS)])
    read = snapshot.read(client, NOW_MS, few)
    assert sorted(read.watches.drama.tolist()) == [1, 2]
    assert set(zip(read.pairs.a.tolist(), read.pairs.b.tolist(), strict=True)) == {(1, 2), (2, 1)}


def test_pairs_weigh_by_what_was_watched_and_whether_in_one_session(client):
    at = NOW_MS - 10 * DAY_MS
    insert(client, [
        *a_watch(1, 1, at, session_id="a"), *a_watch(1, 2, at + 1, session_id="a"),  # one session, both to the end: 1
        *a_watch(2, 1, at, session_id="b"), *a_watch(2, 2, at + DAY_MS, session_id="c"),  # one week: 0.5
        *a_watch(2, 1, at + 2, session_id="b2"),  # again: still one pair
        *a_watch(3, 1, at, 2_000, session_id="d"), *a_watch(3, 2, at, 2_000, session_id="d"),  # both short: 0.25
        *a_watch(4, 1, at, session_id="e"), *a_watch(4, 2, at + 8 * DAY_MS, session_id="f"),  # too far apart
    ])  # fmt: skip
    pairs = snapshot.read(client, NOW_MS, WEIGHTS).pairs
    found = {(int(a), int(b)): float(w) for a, b, w in zip(pairs.a, pairs.b, pairs.weight, strict=True)}
    assert found == {(1, 2): 1.75, (2, 1): 1.75}


def test_of_many_sessions_the_same_are_looked_at_however_they_came(client, monkeypatch):
    def watched(session: int, drama: int = 1) -> list[dict[str, Any]]:
        at_ms = NOW_MS - DAY_MS + session
        return [row for user in range(1, 41) for row in a_watch(user, drama, at_ms, session_id=f"s{session}")]

    found = []
    for threads, order in ((1, range(12)), (2, range(12)), (2, range(11, -1, -1)), (8, range(12))):
        monkeypatch.setitem(asked.LIMITS, "max_threads", threads)
        client.command("TRUNCATE TABLE events")
        for session in order:
            insert(client, watched(session))  # by playbacks of other numbers each time
        insert(client, watched(5, drama=2))
        found.append(snapshot.read(client, NOW_MS, WEIGHTS).pairs.weight.tolist())
    assert found == [found[0]] * 4
    assert found[0] in ([20, 20], [40, 40])  # of each viewer s5 is looked at, or of none


def test_a_drama_keeps_its_strongest_partners(client):
    few = msgspec.structs.replace(WEIGHTS, pair_partners=1)
    at = NOW_MS - DAY_MS
    rows = [
        *a_watch(1, 1, at),
        *a_watch(1, 2, at),
        *a_watch(2, 1, at),
        *a_watch(2, 2, at),
        *a_watch(3, 1, at),
        *a_watch(3, 3, at),
    ]
    insert(client, rows)
    pairs = snapshot.read(client, NOW_MS, few).pairs
    assert set(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)) == {(1, 2), (2, 1), (3, 1)}


def a_log(viewers: int = 40, dramas: int = 30, seed: int = 1) -> list[dict[str, Any]]:
    """Viewers of two tastes, as tests.snapshots.two_tastes."""
    rng = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for user in range(1, viewers + 1):
        mine = [index for index in range(1, dramas + 1) if index % 2 == user % 2]
        for index in rng.choice(mine, 8, replace=False).tolist():
            rows += a_watch(user, index, NOW_MS - int(rng.integers(1, 5 * DAY_MS)))
    return rows


def test_trains_and_publishes_what_the_feed_can_read(client, store, settings):
    insert(client, a_log())
    report = job.run(ClickHouseSource(client), store, ClickHouseRegistry(client), NOW_MS, WEIGHTS)
    assert (report.viewers, report.dramas, report.watches) == (40, 30, 320)
    with redis.Redis.from_url(settings.redis_url) as reader:
        version = Version.parse(reader.get(keys.REC_CURRENT))
        assert str(version) == report.version
        for user in (1, 2, 40):
            indexes = find(reader.get(keys.rec_users(str(version), block_of(user, version.blocks))), user)
            assert [index % 2 for index in indexes[:4]] == [user % 2] * 4
        others = unpack(reader.hget(keys.rec_items(str(version)), "3"))
        assert [index % 2 for index in others[:4]] == [1] * 4
        meta = msgspec.json.decode(reader.get(keys.rec_meta(str(version))), type=Meta)
    assert (meta.viewers, meta.as_of_ms, meta.weights) == (40, NOW_MS, WEIGHTS)
    assert store.pointers().current == report.version


def test_refuses_what_is_far_less_than_before_and_serves_on_what_was(client, store):
    with pytest.raises(Refused, match="nobody"):
        job.run(ClickHouseSource(client), store, ClickHouseRegistry(client), NOW_MS, WEIGHTS)
    insert(client, a_log())
    before = job.run(ClickHouseSource(client), store, ClickHouseRegistry(client), NOW_MS, WEIGHTS).version
    with pytest.raises(Refused, match="fewer than half"):
        job.run(ClickHouseSource(client), store, ClickHouseRegistry(client), NOW_MS - 5 * DAY_MS + 4 * HOUR_MS, WEIGHTS)
    assert store.pointers().current == before
    again = job.run(ClickHouseSource(client), store, ClickHouseRegistry(client), NOW_MS, WEIGHTS)
    assert again.version != before  # and the lock was given back


def test_the_registry_tells_what_became_of_each_training(client, store):
    models = ClickHouseRegistry(client)
    with pytest.raises(Refused):
        job.run(ClickHouseSource(client), store, models, NOW_MS, WEIGHTS)
    insert(client, a_log())
    first, second = (job.run(ClickHouseSource(client), store, models, NOW_MS, WEIGHTS).version for _ in range(2))
    latest, before, refused = models.latest()
    assert [entry.decision for entry in (latest, before, refused)] == ["published", "published", "refused"]
    assert (latest.version, latest.before, before.version, before.before) == (second, first, first, "")
    assert latest.snapshot == before.snapshot != refused.snapshot  # the same rows in, the same text
    assert (latest.viewers, latest.dramas, latest.watches, latest.as_of_ms) == (40, 30, 320, NOW_MS)
    assert msgspec.json.decode(latest.weights, type=Weights) == WEIGHTS
    assert latest.seconds.keys() == {"read", "learn", "examine", "publish"}
    assert "nobody has watched" in refused.reason
    assert latest.software["implicit"]
    assert [entry.version for entry in models.latest(1)] == [second]


def test_a_lock_that_cannot_be_given_back_is_no_reason_to_train_again(client, store, monkeypatch):
    insert(client, a_log())
    monkeypatch.setattr(store, "unlock", Mock(side_effect=redis.RedisError("away")))
    report = job.run(ClickHouseSource(client), store, ClickHouseRegistry(client), NOW_MS, WEIGHTS)
    assert store.pointers().current == report.version


def test_a_registry_that_does_not_answer_stops_no_training(client, store):
    insert(client, a_log())
    client.command("DROP TABLE rec_models SYNC")
    report = job.run(ClickHouseSource(client), store, ClickHouseRegistry(client), NOW_MS, WEIGHTS)
    assert store.pointers().current == report.version


def test_the_command_lists_shows_and_goes_back(settings, client, store):
    environment = {
        **os.environ, "JULIU_CLICKHOUSE_DATABASE": settings.clickhouse_database, "JULIU_REDIS_URL": settings.redis_url,
    }  # fmt: skip

    def typed(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "juliu", "models", *words],
            env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    assert "No training" in typed("list").stdout
    with pytest.raises(Refused):
        job.run(ClickHouseSource(client), store, ClickHouseRegistry(client), NOW_MS, WEIGHTS)
    assert "*" not in typed("list").stdout.split("what readers have")[0].removesuffix("* ")
    refused = typed("rollback")
    assert (refused.returncode, refused.stderr.strip()) == (1, "not rolled back: there is no version before")
    insert(client, a_log())
    models = ClickHouseRegistry(client)
    first, second = (job.run(ClickHouseSource(client), store, models, NOW_MS, WEIGHTS).version for _ in range(2))
    back = typed("rollback", "--why", "only [/] comedies")
    assert back.returncode == 0, back.stderr
    assert first in back.stdout
    assert store.pointers()[:2] == (first, second)
    listed = json.loads(typed("list", "--json").stdout)
    assert listed["current"] == first
    assert [(entry["decision"], entry["version"]) for entry in listed["models"]] == [
        ("rolled_back", first), ("published", second), ("published", first), ("refused", ""),
    ]  # fmt: skip
    assert "only [/] comedies" in typed("list").stdout
    assert json.loads(typed("show", second, "--json").stdout)[0]["before"] == first
    assert "not measured: " in typed("show", second).stdout
    assert typed("show", "1-1-00000000").returncode == 1


def test_only_one_trains_at_a_time(client, store):
    insert(client, a_log())
    another = store.lock("train", "another", 60)
    assert another is not None
    with pytest.raises(Busy):
        job.run(ClickHouseSource(client), store, ClickHouseRegistry(client), NOW_MS, WEIGHTS, wait_s=0)
    store.unlock(another)
    assert job.run(ClickHouseSource(client), store, ClickHouseRegistry(client), NOW_MS, WEIGHTS, wait_s=0).viewers == 40


def test_the_command_publishes_and_its_exit_code_tells_what_came_of_it(settings, client):
    environment = {
        **os.environ, "JULIU_CLICKHOUSE_DATABASE": settings.clickhouse_database, "JULIU_REDIS_URL": settings.redis_url,
    }  # fmt: skip

    def typed(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "juliu", "train", *words],
            env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip

    empty = typed("--as-of", str(NOW_MS))
    assert (empty.returncode, empty.stdout) == (3, "")
    assert "nobody has watched anything" in empty.stderr
    assert typed("--as-of", "tomorrow").returncode == 2
    insert(client, a_log())
    done = typed("--as-of", str(NOW_MS), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["viewers"] == 40
