"""`juliu train` on real servers: what it reads from ClickHouse, what it puts into Redis, what it refuses."""

from __future__ import annotations

import json
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
from recommender.learning.weights import WEIGHTS, Weights
from recommender.publication.publish import Meta
from recommender.publication.store import RedisRecommendationStore
from recommender.training import job
from recommender.training.registry import ClickHouseRegistry
from recommender.training.source import ClickHouseSource
from tests.typed import typed
from tests.watch_rows import a_watch, insert

pytestmark = pytest.mark.servers

NOW_MS = 1_790_000_000_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


@pytest.fixture
def store(settings: Settings) -> Iterator[RedisRecommendationStore]:
    connected = RedisRecommendationStore.of(settings)
    yield connected
    connected.close()


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
    assert "No training" in typed(settings, "models", "list").stdout
    with pytest.raises(Refused):
        job.run(ClickHouseSource(client), store, ClickHouseRegistry(client), NOW_MS, WEIGHTS)
    assert "*" not in typed(settings, "models", "list").stdout.split("what readers have")[0].removesuffix("* ")
    refused = typed(settings, "models", "rollback")
    assert (refused.returncode, refused.stderr.strip()) == (1, "not rolled back: there is no version before")
    insert(client, a_log())
    models = ClickHouseRegistry(client)
    first, second = (job.run(ClickHouseSource(client), store, models, NOW_MS, WEIGHTS).version for _ in range(2))
    back = typed(settings, "models", "rollback", "--why", "only [/] comedies")
    assert back.returncode == 0, back.stderr
    assert first in back.stdout
    assert store.pointers()[:2] == (first, second)
    listed = json.loads(typed(settings, "models", "list", "--json").stdout)
    assert listed["current"] == first
    assert [(entry["decision"], entry["version"]) for entry in listed["models"]] == [
        ("rolled_back", first), ("published", second), ("published", first), ("refused", ""),
    ]  # fmt: skip
    assert "only [/] comedies" in typed(settings, "models", "list").stdout
    assert json.loads(typed(settings, "models", "show", second, "--json").stdout)[0]["before"] == first
    assert "not measured: " in typed(settings, "models", "show", second).stdout
    assert typed(settings, "models", "show", "1-1-00000000").returncode == 1


def test_only_one_trains_at_a_time(client, store):
    insert(client, a_log())
    another = store.lock("train", "another", 60)
    assert another is not None
    with pytest.raises(Busy):
        job.run(ClickHouseSource(client), store, ClickHouseRegistry(client), NOW_MS, WEIGHTS, wait_s=0)
    store.unlock(another)
    assert job.run(ClickHouseSource(client), store, ClickHouseRegistry(client), NOW_MS, WEIGHTS, wait_s=0).viewers == 40


def test_the_command_publishes_and_its_exit_code_tells_what_came_of_it(settings, client):
    empty = typed(settings, "train", "--as-of", str(NOW_MS))
    assert (empty.returncode, empty.stdout) == (3, "")
    assert "nobody has watched anything" in empty.stderr
    for when in ("tomorrow", "2099-12-31"):
        refused = typed(settings, "train", "--as-of", when)
        assert (refused.returncode, when in refused.stderr) == (2, True)
    insert(client, a_log())
    done = typed(settings, "train", "--as-of", str(NOW_MS), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["viewers"] == 40
