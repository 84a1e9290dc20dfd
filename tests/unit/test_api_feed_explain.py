"""GET /v1/feed/explain: for admins alone, the very page that the viewer might get, and nothing is served."""

from __future__ import annotations

import pytest

from domain import canary
from domain.cold import Cold
from ingest_api.auth import Scope
from tests.api import code
from tests.builders import USER
from tests.feed_rig import ID, Rig, indexes


@pytest.fixture
def rig() -> Rig:
    made = Rig(series=lambda i: "s" if i in (1, 2) else "", region=lambda i: "US" if i == 59 else "")
    made.viewers.personal[USER] = list(range(1, 31))
    made.lists.charts = {"hot": [ID + i for i in range(40, 50)], "trending": [ID + 50]}
    made.lists.also = {10: [29, 30, 55]}
    made.lists.pool = Cold(0.04, ((56,),))
    made.watched(10, 12)
    made.viewers.likes[USER] = {ID + 10}
    made.viewers.served[USER] = {5, 6}
    made.viewers.cooling[USER] = [7]
    made.catalogue.current = made.catalogue.current.with_takedowns([ID + 60])
    return made


@pytest.mark.parametrize("scope", [Scope.VIEWER, Scope.BACKFILL, Scope.CANARY])
async def test_it_is_for_admins_alone(rig, scope):
    user = canary.USERS.start if scope is Scope.CANARY else USER
    answer = await rig.get(f"/v1/feed/explain?user_id={USER}", user_id=user, scope=scope)
    assert answer.status_code == 403
    assert code(answer) == ("viewers_only" if scope is Scope.CANARY else "admins_only")


async def test_it_tells_the_page_that_the_viewer_gets_and_serves_nothing(rig, monkeypatch):
    before = await rig.viewers.before(USER, rig.lists.known)
    explained = await rig.explain("seed=7")
    assert await rig.viewers.before(USER, rig.lists.known) == before
    monkeypatch.setattr("ingest_api.feed.router.secrets.randbits", lambda _: 7)
    page = await rig.open()
    assert indexes(explained) == indexes(page)
    assert [place.source for place in explained.places] == [item.source for item in page.items]
    assert (await rig.explain("seed=7")) != explained  # they were served now


async def test_it_tells_why(rig):
    explained = await rig.explain("size=30&seed=3")
    places = {place.drama_id - ID: place for place in explained.places}
    assert (explained.arm, explained.version, explained.newcomer) == ("base", str(rig.lists.known), False)
    assert [(seed.drama_id, seed.related) for seed in explained.seeds] == [(ID + 10, 3), (ID + 12, 0)]
    lifted = places[29]
    assert (lifted.source, lifted.trained_rank) in {("personal", 29), ("also_watched", None)}
    also = next(shelf for shelf in explained.shelves if shelf.source == "also_watched")
    assert (also.because_drama_id, also.dramas) == (ID + 10, 3)
    (passed,) = [one for place in explained.places for one in place.passed_over if one.rule == "series"]
    assert passed.drama_id in (ID + 1, ID + 2)
    assert {place.rank for place in explained.places if place.source == "personal"} >= {1, 3, 4}
    assert all(place.propensity == 1.0 for place in explained.places)


async def test_it_counts_what_is_not_free(rig):
    rig.viewers.dislikes[USER] = {ID + 3}
    explained = await rig.explain("region=CN&age_years=12&size=10")
    filtered = explained.filtered
    assert (filtered.catalogue, filtered.taken_down, filtered.not_published) == (60, 1, 0)
    assert (filtered.region, filtered.age, filtered.seen, filtered.served, filtered.cooling) == (1, 0, 2, 2, 1)
    assert filtered.disliked == 1
    assert filtered.free == 60 - 1 - 1 - 2 - 2 - 1 - 1
    assert (explained.region, explained.age_years) == ("CN", 12)
    assert not {3, 5, 6, 7, 10, 12, 59, 60} & set(indexes(explained))


async def test_of_a_viewer_who_has_seen_everything_it_tells_what_comes_again():
    rig = Rig()
    rig.watched(*range(1, 61))
    explained = await rig.explain()
    assert {place.source for place in explained.places} == {"again"}
    assert explained.filtered.free == 0


async def test_what_comes_again_is_told_without_what_the_viewer_dislikes():
    rig = Rig()
    rig.watched(*range(1, 61))
    rig.viewers.recent[USER] = {}
    rig.viewers.dislikes[USER] = {ID + i for i in range(1, 41)}
    assert indexes(await rig.explain("size=15")) == indexes(await rig.open("size=15")) == list(range(41, 56))


@pytest.mark.parametrize("query", ["", "user_id=0", "user_id=7&size=51", "user_id=7&region=c%20n", "user_id=7&seed=-1"])
async def test_what_cannot_be_asked_is_told(rig, query):
    answer = await rig.get(f"/v1/feed/explain?{query}", user_id=USER, scope=Scope.ADMIN)
    assert (answer.status_code, code(answer)) == (422, "invalid")


async def test_with_everything_away_it_says_so(rig):
    rig.lists.away = {"version", "also_watched", "hot", "trending", "cold"}
    rig.viewers.away = {"before", "disliked", "seen_at_ms"}
    explained = await rig.explain()
    assert {"personal", "viewer", "hot", "trend", "cold"} <= set(explained.degraded)
    assert len(explained.places) == 10
