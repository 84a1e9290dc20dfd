"""The feed and who opens it: new viewers, where they came by, what they did a moment ago, their region and age."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from domain.cold import Cold
from domain.experiments import Arm, Experiment
from domain.feed import Source
from ingest_api.errors import UnknownEpisode
from tests.api import code
from tests.builders import USER
from tests.feed_rig import ID, Rig, indexes


def hot(*some: int) -> dict[str, list[int]]:
    return {"hot": [ID + i for i in some], "trending": []}


# -- who is new --------------------------------------------------------------------------------------------------------


async def test_a_new_viewers_first_ten_go_through_the_categories():
    rig = Rig(category=lambda i: "c0" if i <= 30 else f"c{i % 6}")
    rig.lists.charts = hot(*range(1, 61))
    categories = Counter(item.category for item in (await rig.open("size=10")).items)
    assert max(categories.values()) == 2
    rig.watched(60)
    assert max(Counter(item.category for item in (await rig.open("size=10")).items).values()) > 2


async def test_a_holdout_is_the_hot_list_for_new_viewers_too():
    rig = Rig(category=lambda i: f"c{i % 3}")
    rig.lists.charts = hot(*range(20, 50))
    rig.serves(Experiment("s", {"holdout": Arm(10_000, {Source.HOT: 1.0})}))
    assert indexes(await rig.open()) == list(range(20, 30))


async def test_a_viewer_who_came_by_a_card_gets_what_goes_with_it_and_not_the_card_itself():
    rig = Rig()
    rig.lists.charts, rig.lists.also = hot(*range(30, 60)), {5: [7, 8, 9, 10]}
    page = await rig.open(f"from_drama={ID + 5}")
    assert {7, 8, 9, 10} <= set(indexes(page))
    assert 5 not in indexes(page)
    reasons = {item.reason for item in page.items if item.source == "also_watched"}
    assert reasons == {"看过的人也在看"}  # they have not watched it


@pytest.mark.parametrize("drama_id", [999_999, ID + 5, 0])
async def test_a_card_of_a_drama_that_is_not_there_or_not_shown_is_passed_over(drama_id):
    rig = Rig()
    rig.lists.also = {5: [7, 8]}
    rig.catalogue.current = rig.catalogue.current.with_takedowns([ID + 5])
    page = await rig.open(f"from_drama={drama_id}")
    assert "also_watched" not in {item.source for item in page.items}
    assert len(page.items) == 10


@pytest.mark.parametrize("query", ["from_drama=-1", f"from_drama={2**53}", "from_drama=x"])
async def test_a_card_that_is_no_drama_is_told(query):
    assert code(await Rig().get(f"/v1/feed?{query}")) == "invalid"


# -- what they did a moment ago ----------------------------------------------------------------------------------------


async def test_a_play_a_like_and_a_finish_lift_what_goes_with_it_in_the_next_page():
    rig = Rig(dramas=120)
    rig.serves(Experiment("s", {"list": Arm(10_000, {Source.PERSONAL: 1.0})}))
    rig.viewers.personal[USER], rig.lists.also = list(range(1, 51)), {100: [50, 49]}
    ranks = [await rank_of(50, rig)]
    rig.watched(100)
    ranks.append(await rank_of(50, rig))
    rig.viewers.likes[USER] = {ID + 100}
    ranks.append(await rank_of(50, rig))
    rig.viewers.where[USER, ID + 100] = ((1, "s", 1), (3, 90_000))
    ranks.append(await rank_of(50, rig))
    assert ranks[0] == 50
    assert ranks == sorted(set(ranks), reverse=True)  # each of them lifts it further


async def rank_of(index: int, rig: Rig) -> int:
    """Where it stands in the personal list as the session has put it."""
    places = (await rig.explain("size=50")).places
    found = next(place for place in places if place.drama_id == ID + index)
    assert (found.source, found.trained_rank) == ("personal", index)
    assert found.rank is not None
    return found.rank


async def test_an_unlock_makes_its_drama_the_first_seed():
    rig = Rig()
    rig.lists.also = {10: [20, 21], 11: [30, 31], 12: [40, 41]}
    rig.watched(10, 11, 12)
    seeds = (await rig.explain()).seeds
    assert [seed.drama_id - ID for seed in seeds] == [10, 11, 12]
    rig.viewers.unlocked[USER] = {ID + 12: 0}
    assert (await rig.explain()).seeds[0].drama_id == ID + 12


async def test_a_dislike_of_what_was_just_shown_halves_its_category_and_removes_it():
    rig = Rig(dramas=240)
    rig.viewers.personal[USER] = list(range(1, 101))
    first = await rig.open("size=10")
    disliked = first.items[0]
    rig.viewers.dislikes[USER] = {disliked.drama_id}
    explained = await rig.explain()
    assert explained.tired == {disliked.category: 1.0}
    second = await rig.open("size=20")
    assert Counter(item.category for item in second.items)[disliked.category] <= 4


async def test_a_drama_that_was_left_at_once_leads_nowhere():
    rig = Rig()
    rig.viewers.recent[USER] = {ID + 5: 1}  # started, no valid play
    rig.lists.also = {5: [7, 8]}
    assert "also_watched" not in {item.source for item in (await rig.open()).items}


async def test_what_cools_down_is_hidden_while_something_else_is_left():
    rig = Rig()
    rig.viewers.personal[USER] = rig.viewers.cooling[USER] = list(range(1, 11))
    shown = [index for _ in range(10) for index in indexes(await rig.open())]
    assert not set(shown) & set(range(1, 11))
    rig.watched(*range(11, 61))
    assert set(indexes(await rig.open())) == set(range(1, 11))  # nobody has seen them


async def test_new_dramas_get_the_share_that_they_need_now():
    rig = Rig(dramas=120, category=lambda i: f"c{i}")
    rig.serves(Experiment("s", {"half": Arm(10_000, {Source.PERSONAL: 0.5, Source.COLD: 0.5})}))
    rig.viewers.personal[USER] = list(range(1, 61))
    for needed, places in (
        (0.25, 7.5),
        (0.9, 15),
        (0.0, 0),
    ):  # the arm's share bounds it; what is not theirs is personal
        rig.lists.pool = Cold(needed, (tuple(range(80, 120)),))
        found = [place.source for place in (await rig.explain("size=30")).places]
        assert abs(found.count("cold") - places) <= (1 if needed else 0)
        assert found.count("cold") + found.count("personal") == 30


async def test_an_order_of_new_dramas_is_drawn_anew_at_each_open():
    rig = Rig(dramas=60)
    rig.lists.pool = Cold(1.0, tuple((i,) for i in range(40, 56)))
    rig.serves(Experiment("s", {"cold": Arm(10_000, {Source.COLD: 1.0})}))
    first = {(await rig.open("size=1")).items[0].drama_id for _ in range(12)}
    assert len(first) > 3


async def test_an_arm_may_say_how_much_is_left_to_chance():
    rig = Rig(random_share=0.01)
    rig.serves(Experiment("s", {"dice": Arm(10_000, {Source.HOT: 0.0, Source.RANDOM: 1.0})}))
    page = await rig.open()
    assert {item.source for item in page.items} == {"random"}
    assert [round(1 / item.propensity) for item in page.items] == list(range(60, 50, -1))


# -- where they are, and how old ---------------------------------------------------------------------------------------


def barred(index: int) -> bool:
    return index % 2 == 0


def a_rig_of_two_regions() -> Rig:
    rig = Rig(region=lambda i: "US" if barred(i) and i % 4 else "", min_age=lambda i: 18 if i % 4 == 0 else 0)
    rig.lists.charts = {"hot": [ID + i for i in range(1, 61)], "trending": [ID + i for i in range(1, 61)]}
    rig.viewers.personal[USER] = list(range(1, 61))
    rig.lists.also = {i: list(range(1, 61)) for i in range(1, 61)}
    rig.watched(2, 3, 4)
    rig.viewers.cooling[USER] = [6, 8, 9]
    return rig


async def test_what_is_not_for_a_viewer_is_in_no_page_and_no_list():
    rig = a_rig_of_two_regions()
    for query in (f"from_drama={ID + 6}", "size=50", "size=50", "size=50"):
        page = await rig.open(query, region="CN")
        assert page.items
        assert not any(map(barred, indexes(page)))
        assert not any(f"剧{i}》" in item.reason for item in page.items for i in (2, 4))
    also = await rig.get(f"/v1/dramas/{ID + 5}/also-watched?size=50", region="CN")
    assert [item["drama_id"] - ID for item in also.json()["items"]] == [i for i in range(1, 61) if not barred(i)]
    gone = await rig.get(f"/v1/dramas/{ID + 4}/also-watched", region="CN")
    assert (gone.status_code, code(gone)) == (404, "unknown_drama")


async def test_a_viewer_of_age_and_of_no_known_region_gets_everything():
    rig = a_rig_of_two_regions()
    assert set(indexes(await rig.open("size=50", age_years=18))) & {2, 4, 6, 8, 12, 14}


async def test_a_change_of_the_catalogue_counts_at_once():
    rig = a_rig_of_two_regions()
    rig.catalogue.current = rig.made(region=lambda _: "US")
    assert (await rig.open("size=50", region="CN")).items == []
    rig.catalogue.current = rig.made(region=lambda i: "CN" if i == 7 else "US")
    assert indexes(await rig.open("size=50", region="CN")) == [7]


@pytest.mark.parametrize(("method", "what"), [("get", "play"), ("post", "unlock")])
async def test_what_is_not_for_a_viewer_is_neither_played_nor_sold(method, what):
    rig = a_rig_of_two_regions()
    for index, claims in ((4, {}), (4, {"age_years": 17}), (2, {"region": "CN"})):
        answer = await ask(rig, method, f"/v1/dramas/{ID + index}/episodes/1/{what}", claims)
        assert (answer.status_code, code(answer)) == (404, UnknownEpisode.code)


async def test_what_is_for_a_viewer_is_played():
    rig = a_rig_of_two_regions()
    rig.catalogue.current = rig.made(min_age=lambda _: 18, free_first=lambda _: 3)
    answer = await ask(rig, "get", f"/v1/dramas/{ID + 4}/episodes/1/play", {"age_years": 18})
    assert answer.status_code == 200


async def ask(rig: Rig, method: str, address: str, claims: dict[str, Any]) -> Any:
    from tests.api import caller
    from tests.builders import a_token

    headers = {"authorization": f"Bearer {a_token(**claims)}", "idempotency-key": "k"}
    async with caller(rig.app) as client:
        body = {"price_version": "v1", "way": "episode"} if method == "post" else None
        return await client.request(method, address, headers=headers, json=body)
