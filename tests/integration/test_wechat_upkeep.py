"""Play links, traffic and take-downs on a real Redis: what viewers find, and what is asked of WeChat for it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.asyncio import Redis

from domain import keys
from domain.media.steps import Kind
from domain.media.wechat_drama import Audit
from infra.media.wechat_links import AHEAD, Link, Links
from infra.settings import Settings
from media_jobs.wechat.answers import Refused
from media_jobs.wechat.upkeep import Upkeep
from tests.standins.wechat_state import Traits
from tests.wechat_builders import LI, a_dossier
from tests.wechat_rig import DRAMA, Rig

pytestmark = pytest.mark.servers
EPISODES = 8
OTHER = 12
HOUR_S = 3_600


class Scene:
    """A drama that plays, a worker that looks after it, and the API's side."""

    def __init__(self, rig: Rig, store: redis.Redis, reader: Redis) -> None:
        self.rig, self.store = rig, store
        self.upkeep = Upkeep(rig.platform, store, rig.now_ms)
        self.links = Links(reader)

    async def asked(self, episode_no: int) -> Link | None:
        return await self.links.link(DRAMA, episode_no, EPISODES, self.rig.now_ms())

    @property
    def fetched(self) -> int:
        return self.rig.account.calls["getmedialink"]

    def dies(self, episode_no: int) -> None:
        """As if the kept link's life had gone by: Redis' clock cannot be moved."""
        self.store.delete(keys.wechat_link(DRAMA, episode_no))


@pytest.fixture
def store(stack: Settings) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(stack.redis_url.removesuffix("/0") + "/15") as client:
        client.flushdb()
        yield client


@pytest.fixture
async def scene(stack: Settings, store: redis.Redis, tmp_path: Path) -> AsyncIterator[Scene]:
    rig = Rig(tmp_path, episodes=EPISODES, traits=Traits(empty_links=0))
    rig.hand_in()
    for number in range(1, EPISODES + 1):
        rig.run(rig.job(Kind.EPISODE, number))
    rig.run(rig.job(Kind.DRAMA))
    async with Redis.from_url(stack.redis_url.removesuffix("/0") + "/15") as reader:
        yield Scene(rig, store, reader)


async def test_a_link_is_there_soon_after_it_was_asked_for(scene):
    assert await scene.asked(1) is None
    scene.upkeep.tick()
    link = await scene.asked(1)
    media_id = scene.rig.dramas.media(DRAMA)[1].media_id
    assert (link.media_id, str(media_id) in link.hls_url) == (media_id, True)
    assert 0 < link.expires_ms - scene.rig.now_ms() <= 2 * HOUR_S * 1_000


async def test_the_next_episodes_are_there_before_they_are_asked_for(scene):
    await scene.asked(2)
    scene.upkeep.tick()
    assert [await scene.asked(number) is not None for number in (2, 2 + AHEAD)] == [True, True]
    assert scene.fetched == 1 + AHEAD


async def test_behind_the_last_episode_nothing_is_fetched(scene):
    await scene.asked(EPISODES)
    scene.upkeep.tick()
    assert scene.fetched == 1


async def test_a_thousand_viewers_cost_one_call(scene):
    for _ in range(50):
        await scene.asked(EPISODES)
        scene.upkeep.tick()
    assert scene.fetched == 1


async def test_a_link_is_fetched_anew_before_it_ends(scene):
    await scene.asked(EPISODES)
    scene.upkeep.tick()
    scene.store.expire(keys.wechat_link(DRAMA, EPISODES), 14 * 60)
    scene.upkeep.tick()
    assert scene.fetched == 2
    assert scene.store.ttl(keys.wechat_link(DRAMA, EPISODES)) > 90 * 60


async def test_what_nobody_asks_for_any_more_is_let_go(scene):
    await scene.asked(EPISODES)
    scene.rig.now_s += 3 * HOUR_S
    scene.upkeep.tick()
    assert scene.fetched == 0
    assert scene.store.zcard(keys.WECHAT_WANTED) == 0


async def test_right_after_the_audit_there_is_none_yet(scene):
    scene.rig.account.submissions(scene.rig.dramas.standing(DRAMA).dossier.title)[0].links_left = 2
    await scene.asked(EPISODES)
    for found in (False, False, True):
        scene.upkeep.tick()
        assert (await scene.asked(EPISODES) is not None) is found


async def test_a_drama_that_is_taken_down_has_no_link_at_once(scene):
    await scene.asked(1)
    scene.upkeep.tick()
    scene.store.sadd(keys.TAKEDOWNS, DRAMA)
    assert await scene.asked(1) is None
    scene.rig.dramas.hidden.add(DRAMA)
    scene.dies(1)
    before = scene.fetched
    scene.upkeep.tick()
    assert scene.fetched == before


async def test_a_drama_that_wechat_takes_down_has_no_link_within_the_hour(scene):
    await scene.asked(1)
    scene.upkeep.tick()
    (drama,) = scene.rig.account.dramas.values()
    drama.down = True
    scene.rig.now_s += HOUR_S + 1
    scene.upkeep.tick()
    assert scene.rig.dramas.standing(DRAMA).audit is Audit.REJECTED
    assert await scene.asked(1) is None


async def test_an_episode_that_wechat_does_not_know_is_not_asked_for_again_and_again(scene):
    scene.rig.dramas.uploaded(DRAMA, EPISODES, 1, "x", scene.rig.now_ms())
    scene.rig.dramas.replaced(DRAMA, EPISODES, 1)
    await scene.asked(EPISODES)
    for _ in range(5):
        scene.upkeep.tick()
    assert scene.fetched == 1


async def test_a_drama_that_wechat_does_not_know_keeps_nobody_from_looking_at_the_others(scene):
    """The one that was looked at longest ago comes first: an error about it must not come first for ever."""
    scene.rig.dramas.catalogue[OTHER] = 1
    scene.rig.dramas.put(a_dossier(OTHER), LI)
    scene.rig.dramas.submitted(OTHER, 424_242, 1, {})
    scene.rig.dramas.audited(OTHER, Audit.PASSED)
    next(iter(scene.rig.account.dramas.values())).down = True
    for _ in range(2):
        scene.rig.now_s += HOUR_S + 1
        scene.upkeep.tick()
    assert scene.rig.dramas.standing(DRAMA).audit is Audit.REJECTED
    assert scene.rig.dramas.standing(OTHER).audit is Audit.REJECTED


async def test_an_episode_that_wechat_refuses_keeps_no_other_from_its_link(scene, monkeypatch):
    vod, refused = scene.rig.platform.vod, scene.rig.playing()[5]

    def link(media_id: int, until_s: int) -> Any:
        if media_id == refused:
            raise Refused("getmedialink", 10_099_999, "not this one")
        return ask(media_id, until_s)

    ask = vod.link
    monkeypatch.setattr(vod, "link", link)
    await scene.asked(1)
    scene.rig.now_s += 1
    await scene.asked(5)  # the newest comes first
    scene.upkeep.tick()
    assert await scene.asked(1) is not None


async def test_one_of_many_workers_does_it(scene):
    others = [Upkeep(scene.rig.platform, scene.store, scene.rig.now_ms) for _ in range(3)]
    assert [worker.tick() for worker in (scene.upkeep, *others, scene.upkeep)] == [True, False, False, False, True]
    scene.store.delete(keys.WECHAT_UPKEEP)
    assert others[0].tick()


async def test_what_goes_wrong_stops_nothing(scene):
    scene.rig.traits.no_answer = 1.0
    await scene.asked(1)
    assert scene.upkeep.tick()
    scene.rig.traits.no_answer = 0.0
    scene.upkeep.tick()
    assert await scene.asked(1) is not None


async def test_traffic_is_asked_for_every_ten_minutes_and_shown_by_all(scene):
    def package(used: int) -> dict[str, Any]:
        return {
            "used": used,
            "all": 1_000,
            "status": 1,
            "is_deleted": 0,
            "end_time": int(scene.rig.now_s) + 90 * 86_400,
        }

    scene.rig.account.packages[:] = [package(900), package(800)]
    for _ in range(3):
        scene.upkeep.tick()
    assert scene.rig.account.calls["listpackages"] == 1
    other = Upkeep(scene.rig.platform, scene.store, scene.rig.now_ms)
    assert other._traffic.shown().left == pytest.approx(0.15)
    scene.rig.now_s += 601
    scene.upkeep.tick()
    assert scene.rig.account.calls["listpackages"] == 2
