"""`juliu refresh` on real servers: who was active gets a new list, what is watched together now is listed together."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil
import pytest
import redis

from domain import keys
from domain.recommendations import Version, block_of, find, unpack
from domain.topics import partition_of
from infra.settings import Settings
from recommender.duty import StoredDuty
from recommender.learning import model, snapshot
from recommender.learning.weights import WEIGHTS
from recommender.publication.publish import content, publish
from recommender.publication.roll_back import roll_back
from recommender.publication.store import RedisRecommendationStore
from recommender.schedule import Schedule, Task
from tests.published_catalogue import published
from tests.watch_rows import a_row, a_watch, insert

pytestmark = pytest.mark.servers

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
AS_OF_MS = int(time.time() * 1000) - HOUR_MS  # of the training
VIEWERS, DRAMAS = 60, 30
STRANGER = 7_777
WITHIN_S = 60.0


@pytest.fixture
def store(settings: Settings) -> Iterator[RedisRecommendationStore]:
    connected = RedisRecommendationStore.of(settings)
    yield connected
    connected.close()


@pytest.fixture
def reader(settings: Settings) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.redis_url) as connected:
        yield connected


@pytest.fixture
def version(client: Any, store: RedisRecommendationStore) -> Version:
    """Served: viewers of even numbers watched even dramas, the others odd ones."""
    rng = np.random.default_rng(1)
    for user in range(1, VIEWERS + 1):
        mine = [index for index in range(1, DRAMAS + 1) if index % 2 == user % 2]
        for index in rng.choice(mine, 6, replace=False).tolist():
            insert(client, a_watch(user, index, AS_OF_MS - int(rng.integers(1, 5 * DAY_MS))))
    return trained(client, store, AS_OF_MS)


@pytest.fixture(autouse=True)
def catalogue(settings: Settings) -> None:
    published(settings, DRAMAS)


def trained(client: Any, store: RedisRecommendationStore, as_of_ms: int) -> Version:
    """A version of what happened before then, without an exam."""
    known = snapshot.read(client, as_of_ms, WEIGHTS)
    made = model.train(known, WEIGHTS)
    hold = store.lock("train", "me", 60)
    assert hold is not None
    stored = content(made, len(known.watches), f"{as_of_ms % 2**32:08x}", as_of_ms, WEIGHTS)
    publish(store, made, stored, hold, store.pointers().current)
    store.unlock(hold)
    return stored.version


def turned(client: Any, *users: int) -> None:
    """After the training they watched odd dramas."""
    at = AS_OF_MS + HOUR_MS // 2
    insert(client, [row for user in users for index in (1, 3, 5, 7, 9, 11) for row in a_watch(user, index, at)])


def refresh(settings: Settings, *words: str, **more: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ, "JULIU_CLICKHOUSE_DATABASE": settings.clickhouse_database, "JULIU_REDIS_URL": settings.redis_url,
        **more,
    }  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "juliu", "refresh", *words],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def refreshed(settings: Settings, *words: str, **more: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `juliu refresh ...`."""
    process = refresh(settings, *words, **more)
    out, err = process.communicate(timeout=WITHIN_S)
    return process.returncode, out, err


def blocks(reader: redis.Redis, version: Version) -> list[Any]:
    return [reader.get(keys.rec_users(str(version), number)) for number in range(version.blocks)]


def list_of(reader: redis.Redis, version: Version, user: int) -> tuple[int, ...] | None:
    return find(blocks(reader, version)[block_of(user, version.blocks)], user)


def odd(indexes: tuple[int, ...] | None) -> int:
    """Of the first five."""
    assert indexes is not None
    return sum(index % 2 for index in indexes[:5])


def test_who_was_active_since_the_training_gets_a_new_list(settings, client, store, reader, version):
    before = {user: list_of(reader, version, user) for user in range(1, VIEWERS + 1)}
    assert odd(before[2]) <= 1
    assert list_of(reader, version, STRANGER) is None
    turned(client, 2, STRANGER)
    code, out, err = refreshed(settings, "fold-in", "--json")
    assert code == 0, err
    report = json.loads(out)
    assert (report["viewers"], report["new"], report["left"], report["version"]) == (2, 1, 0, str(version))
    after = {user: list_of(reader, version, user) for user in range(1, VIEWERS + 1)}
    assert odd(after[2]) > odd(before[2])
    assert odd(list_of(reader, version, STRANGER)) == 5
    assert not {1, 3, 5, 7, 9, 11} & set(after[2] or ())
    assert {user for user in before if before[user] != after[user]} == {2}
    lives = [reader.ttl(keys.rec_users(str(version), number)) for number in range(version.blocks)]
    assert all(0 < life <= keys.REC_LIFE_S for life in lives)
    code, out, _ = refreshed(settings, "fold-in")  # it looks back a little further than the last run
    assert (code, out.startswith("folded")) == (0, True)
    trained(client, store, AS_OF_MS + 1)
    assert roll_back(store, "").version == str(version)


def test_what_is_disliked_or_was_left_twice_is_out(settings, client, reader, version):
    turned(client, 2)
    assert refreshed(settings, "fold-in")[0] == 0
    first, *_ = list_of(reader, version, 2) or ()
    at = AS_OF_MS + HOUR_MS // 2
    skipped = [
        row for at_ms in (at, at + 60_000) for row in a_watch(2, 13, at_ms, watched_ms=1_000, session_id=f"s{at_ms}")
    ]
    insert(client, [a_row("disliked", 2, first, at), *skipped])
    code, out, err = refreshed(settings, "fold-in", "--json")
    assert code == 0, err
    assert json.loads(out)["cooling"] == 1
    assert first not in (list_of(reader, version, 2) or ())
    key = keys.cooling(partition_of(2, settings.partitions), 2)
    assert unpack(reader.get(key)) == (13,)
    assert 0 < reader.ttl(key) <= keys.COOLING_LIFE_S


@pytest.mark.parametrize("place", ["fold_in.before_write", "fold_in.after_write"])
def test_a_run_that_is_killed_is_done_again_without_harm(settings, client, reader, version, place):
    turned(client, 2, 4, STRANGER)
    untouched = blocks(reader, version)
    assert refreshed(settings, "fold-in", FAIL_AT=place)[0] == -signal.SIGKILL
    assert (blocks(reader, version) == untouched) == (place == "fold_in.before_write")
    assert reader.get(keys.REC_FOLDED) is None
    code, _, err = refreshed(settings, "fold-in")
    assert (code, "somebody else does this" in err) == (5, True)  # until its lock has run out
    reader.delete(keys.rec_lock("fold-in"))
    assert refreshed(settings, "fold-in")[0] == 0
    killed = blocks(reader, version)
    for number, block in enumerate(untouched):
        reader.set(keys.rec_users(str(version), number), block, keepttl=True)
    reader.delete(keys.REC_FOLDED)
    assert refreshed(settings, "fold-in")[0] == 0
    assert blocks(reader, version) == killed != untouched


def stopped(process: subprocess.Popen[str]) -> None:
    """Wait until it is."""
    end = time.monotonic() + WITHIN_S
    while psutil.Process(process.pid).status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.05)


@pytest.mark.parametrize(("task", "place"), [("fold-in", "fold_in.before_write"), ("lists", "lists.before_rename")])
def test_who_was_frozen_past_its_lock_writes_nothing(settings, client, store, reader, version, task, place):
    turned(client, 2, STRANGER)
    untouched, lists = blocks(reader, version), reader.hgetall(keys.rec_items(str(version)))
    frozen = refresh(settings, task, FAIL_AT=f"{place}:1:stop")
    try:
        stopped(frozen)
        reader.delete(keys.rec_lock(task))  # its time runs out
        another = store.lock(task, "another", 60)
        assert another is not None
        frozen.send_signal(signal.SIGCONT)
        _, err = frozen.communicate(timeout=WITHIN_S)
    finally:
        frozen.kill()
    assert frozen.returncode == 4, err
    assert "somebody else's" in err
    assert blocks(reader, version) == untouched
    assert reader.hgetall(keys.rec_items(str(version))) == lists
    assert store.renew(another, 60)  # nor was the lock taken away from whoever has it now


def test_what_is_watched_together_now_is_listed_together(settings, client, store, reader, version):
    def place() -> int:
        """Of drama 29 in the list of drama 2."""
        others = unpack(reader.hget(keys.rec_items(str(version)), "2") or b"")
        return others.index(29) if 29 in others else len(others)

    first = place()
    assert first >= 10
    at = AS_OF_MS + HOUR_MS // 2
    insert(client, [row for user in range(1, VIEWERS + 1) for index in (2, 29) for row in a_watch(user, index, at)])
    before = reader.hgetall(keys.rec_items(str(version)))
    assert refreshed(settings, "lists", FAIL_AT="lists.before_rename")[0] == -signal.SIGKILL
    assert reader.hgetall(keys.rec_items(str(version))) == before
    assert 0 < reader.ttl(keys.rec_items_new(str(version))) <= 3_600
    reader.delete(keys.rec_lock("lists"))
    reader.delete(*reader.keys("{catalogue}*"))
    code, _, err = refreshed(settings, "lists")
    assert (code, "juliu catalogue import" in err) == (3, True), err
    assert reader.hgetall(keys.rec_items(str(version))) == before
    published(settings, DRAMAS)
    life = reader.ttl(keys.rec_items(str(version)))
    code, out, err = refreshed(settings, "lists", "--json")
    assert code == 0, err
    assert json.loads(out)["lists"] == reader.hlen(keys.rec_items(str(version)))
    assert place() < first
    assert 0 < reader.ttl(keys.rec_items(str(version))) <= life
    assert not reader.exists(keys.rec_items_new(str(version)))
    trained(client, store, AS_OF_MS + 1)
    assert roll_back(store, "").version == str(version)


def test_exit_codes_tell_what_came_of_it(settings, client, reader):
    for words in ("fold-in", "lists"):
        code, _, err = refreshed(settings, words)
        assert (code, "train first" in err) == (3, True), err
    code, _, err = refreshed(settings, "fold-in", JULIU_REDIS_URL="redis://127.0.0.1:1/0")
    assert (code, "run it again" in err) == (4, True), err
    assert not reader.exists(keys.rec_lock("fold-in"), keys.rec_lock("lists"))


async def test_of_two_schedules_each_task_is_run_by_one_and_by_the_other_when_that_one_is_gone(settings):
    ran: list[str] = []
    stops = [asyncio.Event(), asyncio.Event()]

    class Work:
        def __init__(self, who: str) -> None:
            self.who = who

        async def run(self, longest_s: float) -> int:
            ran.append(self.who)
            return 0

    stores = [RedisRecommendationStore.of(settings) for _ in stops]
    task = Task("train", 1, WITHIN_S, 0.0)
    ours = [
        Schedule((task,), lambda _, who=who: Work(who), StoredDuty(store))
        for who, store in zip(("one", "other"), stores, strict=True)
    ]
    running = [asyncio.create_task(schedule.run(stop)) for schedule, stop in zip(ours, stops, strict=True)]

    async def until(count: int) -> None:
        async with asyncio.timeout(WITHIN_S):
            while len(ran) < count or not all(schedule.states for schedule in ours):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    await until(3)
    assert len(set(ran)) == 1
    first = ran[0]
    idle = ours[1] if first == "one" else ours[0]
    assert (idle.states["train"].last, idle.states["train"].runs) == ("elsewhere", 0)
    at = 0 if first == "one" else 1
    stops[at].set()
    await running[at]
    done = len(ran)
    await until(done + 2)
    assert set(ran[done:]) == {"one", "other"} - {first}
    stops[1 - at].set()
    await running[1 - at]
    for store in stores:
        store.close()
