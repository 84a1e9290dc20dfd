"""The routes that viewers read, in process on real servers: trained on ClickHouse, published to Redis, served."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from domain import counters, keys, registers, state
from domain.topics import partition_of
from infra.catalogue.takedown import take_down
from infra.clickhouse.client import connect
from infra.settings import Settings
from ingest_api.auth import Scope
from ingest_api.feed.hints import RedisHints
from recommender.learning.weights import WEIGHTS
from recommender.publication.store import RedisRecommendationStore
from recommender.training import job
from recommender.training.outcome import Report
from recommender.training.registry import ClickHouseRegistry
from recommender.training.source import ClickHouseSource
from tests.builders import a_token
from tests.catalogue import a_line
from tests.catalogue_rig import Rig
from tests.served import DRAMAS
from tests.watch_rows import DRAMA_OF, a_watch, insert

pytestmark = pytest.mark.servers

VIEWERS = 30
NOW_MS = int(time.time() * 1000)
HOUR_MS = 3_600_000


async def ask(api: httpx.AsyncClient, address: str, user: int = 1) -> Any:
    token = a_token(user, now_s=int(time.time()))
    answer = await api.get(address, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def trained(settings: Settings) -> Report:
    """Odd viewers watched odd dramas, even ones even dramas: eight each, of the first thirty."""
    store = RedisRecommendationStore.of(settings)
    with connect(settings) as client:
        for user in range(1, VIEWERS + 1):
            mine = [index for index in range(1, 31) if index % 2 == user % 2]
            some = [mine[(user + step) % len(mine)] for step in range(8)]
            insert(client, [row for index in some for row in a_watch(user, index, NOW_MS - HOUR_MS * (1 + index))])
        report = job.run(ClickHouseSource(client), store, ClickHouseRegistry(client), NOW_MS, WEIGHTS)
    store.close()
    return report


class Fold:
    """What streams.counters and its merge task would have written of one viewer."""

    def __init__(self, rig: Rig, user: int = 1) -> None:
        self.redis, self.user = rig.redis, user
        self.p = partition_of(user, rig.settings.partitions)

    def watch(self, drama_id: int, at_ms: int, episode_no: int = 1, position_ms: int = 5_000) -> None:
        self.redis.zadd(keys.recent(1, self.p, self.user), {str(drama_id): at_ms})
        self.redis.setbit(keys.seen(1, self.p, self.user), drama_id - DRAMA_OF, 1)
        register = registers.encode(((at_ms, "s", 1), (episode_no, position_ms)))
        self.redis.hset(keys.user(1, self.p, self.user), state.progress_field(drama_id), register)

    def dislike(self, drama_id: int) -> None:
        register = registers.encode(((NOW_MS, "s", 2), (1,)))
        self.redis.hset(keys.user(1, self.p, self.user), state.dislike_field(drama_id), register)

    def like(self, drama_id: int, episode_no: int = 1) -> None:
        register = registers.encode(((NOW_MS, "s", 3), (1,)))
        self.redis.hset(keys.user(1, self.p, self.user), state.like_field(drama_id, episode_no), register)


def ids(page: Any) -> list[int]:
    return [item["drama_id"] for item in page["items"]]


async def test_a_feed_is_personal_and_leaves_out_what_was_seen_disliked_or_taken_down(rig, api):
    trained(rig.settings)
    fold = Fold(rig)
    for index in (1, 3, 5):
        fold.watch(DRAMA_OF + index, NOW_MS - HOUR_MS * index)
    fold.dislike(DRAMA_OF + 7)
    take_down(rig.engine, rig.shelf, DRAMA_OF + 9, now_ms=NOW_MS)
    app: Any = api._transport
    await app.app.state.catalogue.refresh()
    pages = [await ask(api, "/v1/feed?size=9") for _ in range(4)]
    shown = [drama_id for page in pages for drama_id in ids(page)]
    assert len(shown) == 36
    assert sorted(shown[:35]) == [DRAMA_OF + i for i in range(1, DRAMAS + 1) if i not in (1, 3, 5, 7, 9)]
    assert shown[35] in shown[:35]  # shown again before seen again
    personal = [item for item in pages[0]["items"] if item["source"] == "personal"]
    assert len(personal) >= 4
    assert sum(item["drama_id"] % 2 == 1 for item in personal) > len(personal) / 2
    also = {item["reason"] for page in pages for item in page["items"] if item["source"] == "also_watched"}
    assert also <= {f"因为你看过《重生之总裁 {DRAMA_OF + index}》" for index in (1, 3)}
    assert also
    assert all(page["degraded"] == [] for page in pages)


async def test_people_also_watched_is_what_was_published(rig, api):
    report = trained(rig.settings)
    assert report.lists > 20
    page = await ask(api, f"/v1/dramas/{DRAMA_OF + 3}/also-watched?size=5")
    assert len(page["items"]) == 5
    assert all(drama_id % 2 == 1 for drama_id in ids(page))
    assert (await api.get(f"/v1/dramas/{DRAMA_OF + 3}/also-watched")).status_code == 401
    unknown = await api.get(
        "/v1/dramas/5/also-watched", headers={"authorization": f"Bearer {a_token(now_s=int(time.time()))}"}
    )
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (404, "unknown_drama")


async def test_before_any_training_the_feed_is_hot_and_the_rest(rig, api):
    rig.redis.zadd(keys.HOT, {str(DRAMA_OF + index): index for index in range(1, 31)})
    rig.redis.zadd(keys.TREND, {str(DRAMA_OF + 31): 1.0, str(DRAMA_OF + 32): 2.0})
    page = await ask(api, "/v1/feed")
    assert {item["source"] for item in page["items"]} <= {"hot", "trend", "explore", "random"}
    assert sum(item["source"] == "hot" for item in page["items"]) >= 7
    assert page["degraded"] == []
    assert ids(await ask(api, "/v1/hot?size=3")) == [DRAMA_OF + 30, DRAMA_OF + 29, DRAMA_OF + 28]
    assert ids(await ask(api, "/v1/trending")) == [DRAMA_OF + 32, DRAMA_OF + 31]


async def test_progress_and_history_are_what_was_folded(rig, api):
    fold = Fold(rig)
    for index in range(1, 6):
        fold.watch(DRAMA_OF + index, NOW_MS + index, episode_no=1, position_ms=60_000 if index == 2 else 5_000)
    latest = await ask(api, "/v1/me/progress")
    assert ids(latest) == [DRAMA_OF + index for index in (5, 4, 3, 2, 1)]
    (one,) = (await ask(api, f"/v1/me/progress?drama_id={DRAMA_OF + 2}"))["items"]
    assert (one["episode_no"], one["next_episode_no"], one["next_position_ms"]) == (1, 2, 0)
    first = await ask(api, "/v1/me/history?size=3")
    rest = await ask(api, f"/v1/me/history?size=3&cursor={first['next_cursor']}")
    assert ids(first) + ids(rest) == ids(latest)
    assert rest["next_cursor"] is None
    assert ids(await ask(api, "/v1/me/history", user=2)) == []


async def test_counters_are_public_and_those_of_shown_dramas(rig, api):
    numbers = dict.fromkeys(counters.COUNTERS, 0) | {"views": 5, "likes": 2}
    rig.redis.hset(keys.COUNTERS, str(DRAMA_OF + 1), counters.encode(numbers.values()))
    answer = await api.get(f"/v1/dramas/{DRAMA_OF + 1}/counters")
    assert answer.json() == {
        "drama_id": DRAMA_OF + 1, "views": 5, "valid_plays": 0, "long_plays": 0, "completes": 0, "likes": 2,
        "follows": 0, "shares": 0, "unlocks": 0,
    }  # fmt: skip
    assert (await api.get("/v1/dramas/5/counters")).status_code == 404


async def test_a_redis_that_is_away_costs_the_sources_not_the_feed(rig, api):
    await ask(api, "/v1/feed")
    rig.redis.client_pause(5_000)  # ms; every command waits, for longer than a busy machine takes to make a page
    page = await ask(api, "/v1/feed")
    assert len(page["items"]) == 10
    assert "viewer" in page["degraded"]
    rig.redis.ping()
    assert (await ask(api, "/v1/feed"))["degraded"] == []


async def explained(api: httpx.AsyncClient, query: str = "") -> Any:
    token = a_token(99, Scope.ADMIN, now_s=int(time.time()))
    answer = await api.get(f"/v1/feed/explain?user_id=1&{query}", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_what_a_viewer_does_changes_the_next_page(rig, api):
    """What the counters write of a finish, a like, a dislike; what the API notes of an unlock: each read at once."""
    trained(rig.settings)
    fold = Fold(rig)
    for index in (1, 3, 5):
        fold.watch(DRAMA_OF + index, NOW_MS - HOUR_MS * index)
    plain = await explained(api, "size=20&seed=1")
    assert [seed["drama_id"] - DRAMA_OF for seed in plain["seeds"]] == [1, 3, 5]
    fold.like(DRAMA_OF + 3)
    assert (await explained(api))["seeds"][0]["drama_id"] == DRAMA_OF + 3
    fold.watch(DRAMA_OF + 5, NOW_MS, episode_no=2, position_ms=60_000)  # the end of the last episode
    assert (await explained(api))["seeds"][0]["drama_id"] == DRAMA_OF + 5
    hints: RedisHints = api._transport.app.state.unlocking._hints
    await hints.unlocked(1, DRAMA_OF + 1)
    moved = await explained(api, "size=20&seed=1")
    assert moved["seeds"][0]["drama_id"] == DRAMA_OF + 1
    assert [place["drama_id"] for place in moved["places"]] != [place["drama_id"] for place in plain["places"]]
    page = await ask(api, "/v1/feed?size=5")
    fold.dislike(page["items"][0]["drama_id"])
    assert (await explained(api))["tired"] == {page["items"][0]["category"]: 1.0}


async def test_the_same_cursor_gives_the_same_page_and_the_next_another(rig, api):
    trained(rig.settings)
    fold = Fold(rig)
    first = await ask(api, "/v1/feed?size=5")
    page = await ask(api, f"/v1/feed?size=5&cursor={first['cursor']}")
    fold.watch(page["items"][0]["drama_id"], NOW_MS, episode_no=2, position_ms=3_000)
    rig.redis.zadd(keys.HOT, {str(DRAMA_OF + index): index for index in range(1, 31)})
    again = await ask(api, f"/v1/feed?size=5&cursor={first['cursor']}")
    assert again["items"][0].pop("play") == {"episode_no": 2, "position_ms": 3_000, "duration_ms": 60_002}
    page["items"][0].pop("play")
    assert again == page
    following = await ask(api, f"/v1/feed?size=5&cursor={page['cursor']}")
    assert not set(ids(following)) & set(ids(page) + ids(first))


async def test_a_region_or_an_age_counts_as_soon_as_the_catalogue_has_it(rig, api):
    assert len((await ask(api, "/v1/feed?size=40"))["items"]) == DRAMAS
    lines = [a_line(DRAMA_OF + i, category=f"c{i % 8}", region="US" if i < 20 else "CN,TW") for i in range(1, 31)]
    rig.publishes(*lines, *(a_line(DRAMA_OF + i, min_age=18) for i in range(31, DRAMAS + 1)))
    app: Any = api._transport
    await app.app.state.catalogue.refresh()
    for claims, shown in (
        ({}, range(1, 31)), ({"region": "TW"}, range(20, 31)), ({"region": "US", "age_years": 20}, [*range(1, 20)]),
        ({"age_years": 18}, range(1, DRAMAS + 1)), ({"region": "JP", "age_years": 17}, ()),
    ):  # fmt: skip
        token = a_token(5, now_s=int(time.time()), **claims)
        answer = await api.get("/v1/feed?size=50", headers={"authorization": f"Bearer {token}"})
        assert {drama_id - DRAMA_OF for drama_id in ids(answer.json())} == set(shown), claims


async def test_what_waits_to_be_gone_on_with_is_not_in_the_feed(rig, api):
    fold = Fold(rig)
    fold.watch(DRAMA_OF + 1, NOW_MS, episode_no=2, position_ms=60_000)  # finished
    fold.watch(DRAMA_OF + 2, NOW_MS - 1, episode_no=1, position_ms=30_000)
    fold.watch(DRAMA_OF + 3, NOW_MS - 2, episode_no=2, position_ms=1_000)
    assert ids(await ask(api, "/v1/me/continue")) == [DRAMA_OF + 2, DRAMA_OF + 3]
    shown = [each for _ in range(4) for each in ids(await ask(api, "/v1/feed"))][: DRAMAS - 3]
    assert not {DRAMA_OF + 2, DRAMA_OF + 3} & set(shown)
