"""The gate on real servers: a worse training is refused by `juliu train`, whoever dies or rolls back meanwhile."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest
import redis

from domain import keys
from domain.recommendations import Version
from infra.place import home
from infra.settings import Settings
from recommender.errors import Raced, Refused
from recommender.learning.weights import WEIGHTS
from recommender.publication.publish import meta_of
from recommender.publication.roll_back import roll_back
from recommender.publication.store import RedisRecommendationStore
from recommender.training import job
from recommender.training.limits import LIMITS, Limits
from recommender.training.order import Order
from recommender.training.outcome import Report
from recommender.training.registry import ClickHouseRegistry
from recommender.training.source import ClickHouseSource
from tests.training_twin import DAY_MS, MIDNIGHT_MS, SMALL, Doings, two_tastes_daily
from tests.typed import typed
from tests.watch_rows import a_row, a_watch, insert

pytestmark = pytest.mark.servers

NOW_MS = MIDNIGHT_MS + 3_600_000


@pytest.fixture
def store(settings: Settings) -> Iterator[RedisRecommendationStore]:
    connected = RedisRecommendationStore.of(settings)
    yield connected
    connected.close()


def happened(client: Any, doings: Doings) -> None:
    """Rows of `events`: what was watched, and what was only on the screen."""
    rows: list[dict[str, Any]] = []
    for user, drama, at_ms, watched in zip(*(column.tolist() for column in vars(doings).values()), strict=True):
        rows += a_watch(user, drama, at_ms) if watched else [a_row("impression", user, drama, at_ms)]
    insert(client, rows)


def scrambled(doings: Doings) -> Doings:
    """The days before the last under other dramas: an import that has numbered them anew."""
    wrong = 1 + np.random.default_rng(1).permutation(61)
    return Doings(doings.user, np.where(doings.at_ms < MIDNIGHT_MS - DAY_MS, wrong[doings.drama], doings.drama),
                  doings.at_ms, doings.watched)  # fmt: skip


def trained(client: Any, store: RedisRecommendationStore, source: Any = None, overrule: str = "") -> Report:
    order = Order(limits=SMALL, overrule=overrule)
    models = ClickHouseRegistry(client)
    return job.run(source or ClickHouseSource(client), store, models, NOW_MS, WEIGHTS, order=order, wait_s=0)


def whole(store: RedisRecommendationStore, version: str) -> bool:
    return meta_of(store, version) is not None and all(store.block_sizes(Version.parse(version)))


def test_the_real_gate_refuses_what_was_learnt_of_dramas_under_wrong_numbers(client, store):
    good = two_tastes_daily()
    happened(client, good)
    first = trained(client, store)
    assert first.not_measured == {}
    assert first.metrics["over_trend.ndcg@20.low"] > 0
    assert first.metrics["uauc"] == 1
    assert first.metrics["volume"] == 240
    client.command("TRUNCATE TABLE events")
    happened(client, scrambled(good))
    with pytest.raises(Refused, match=r"ndcg@20 of the last full day .*the last accepted one had"):
        trained(client, store)
    assert store.pointers().current == first.version
    assert whole(store, first.version)
    refused, accepted = ClickHouseRegistry(client).latest()
    assert refused.metrics["ndcg@20.high"] < accepted.metrics["ndcg@20"]
    assert msgspec.json.decode(refused.limits, type=Limits) == SMALL
    report = trained(client, store, overrule="dramas were numbered anew")
    assert store.pointers().current == report.version
    entry = ClickHouseRegistry(client).latest(1)[0]
    assert (entry.overruled, entry.reason) == ("dramas were numbered anew", refused.reason)
    assert trained(client, store).overruled == ""  # that is what is usual from then on


def test_who_rolls_back_during_the_exam_wins(client, store):
    happened(client, two_tastes_daily(viewers=30))
    first, _ = trained(client, store).version, trained(client, store)

    class Meanwhile(ClickHouseSource):
        def day(self, span: Any, weights: Any) -> Any:
            roll_back(store, "worse")
            return super().day(span, weights)

    with pytest.raises(Raced):
        trained(client, store, Meanwhile(client), "however")
    assert store.pointers().current == first
    assert whole(store, first)


def test_the_command_refuses_with_3_and_is_overruled_by_a_person_and_keeps_pages(settings, client, store, tmp_path):
    def train(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
        return typed(settings, "train", "--as-of", str(NOW_MS), *words, JULIU_HOME=str(tmp_path), **more)

    if (local := home() / "local.env").exists():  # where the servers are
        shutil.copy(local, tmp_path)

    good = two_tastes_daily(viewers=LIMITS.viewers + 40)
    happened(client, good)
    first = train("--json")
    assert first.returncode == 0, first.stderr
    version = json.loads(first.stdout)["version"]
    assert json.loads(first.stdout)["not_measured"] == {}

    died = train(FAIL_AT="train.examined")
    assert died.returncode == -signal.SIGKILL
    assert store.pointers() == (version, "", "")
    assert whole(store, version)
    with redis.Redis.from_url(settings.redis_url) as server:
        assert server.delete(keys.rec_lock("train"))  # the dead one's, which ends after a minute

    client.command("TRUNCATE TABLE events")
    happened(client, scrambled(good))
    refused = train()
    assert (refused.returncode, refused.stdout) == (3, "")
    assert "refused, the version before is served on: ndcg@20 of the last full day" in refused.stderr
    assert store.pointers().current == version
    page = tmp_path / "mine.html"
    overruled = train("--overrule", "numbered anew", "--report", str(page))
    assert overruled.returncode == 0, overruled.stderr
    assert "overruled: ndcg@20" in overruled.stdout
    assert "numbered anew" in page.read_text()
    pages = sorted(path.name for path in (tmp_path / "reports").iterdir())
    assert len(pages) == 2
    assert f"train-{version}.html" in pages
    assert any(name.startswith(f"train-{NOW_MS}-refused-") for name in pages)
    assert train("--report", str(tmp_path / "no" / "folder")).returncode == 2
