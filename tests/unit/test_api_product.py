"""The product routes on twins: what is shown, to whom, and what a missing store costs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from domain import counters
from domain.registers import Register
from ingest_api.errors import NumbersUnavailable
from ingest_api.product.charts import Chart, Placed
from ingest_api.product.service import Product
from ingest_api.product.viewers import Watched
from tests.api import FixedCatalogue, Twins, caller, code
from tests.builders import DRAMA, EPISODE_MS, NOW_MS, OTHER_DRAMA, UNKNOWN_DRAMA, USER, a_catalogue, a_drama, a_token

AUTH = {"authorization": f"Bearer {a_token()}"}


class MemoryCharts:
    def __init__(self) -> None:
        self.numbers: dict[int, dict[str, int]] = {}
        self.placed = [Placed(OTHER_DRAMA, 9.0), Placed(UNKNOWN_DRAMA, 5.0), Placed(DRAMA, 2.5)]
        self.up = True

    async def counters(self, drama_id: int) -> dict[str, int]:
        if not self.up:
            raise NumbersUnavailable
        return self.numbers.get(drama_id, dict.fromkeys(counters.COUNTERS, 0))

    async def top(self, chart: Chart, count: int) -> list[Placed]:
        return self.placed[:count]


class MemoryViewers:
    def __init__(self) -> None:
        self.watched: dict[int, list[tuple[int, int, int, int]]] = {}  # user -> (drama, at_ms, episode, position)
        self.dislikes: dict[int, set[int]] = {}

    async def progress(self, user_id: int, drama_ids: Iterable[int]) -> dict[int, Register]:
        wanted = set(drama_ids)
        return {
            drama: ((at_ms, "s", 1), (episode, position))
            for drama, at_ms, episode, position in self.watched.get(user_id, [])
            if drama in wanted
        }

    async def disliked(self, user_id: int, drama_ids: Iterable[int]) -> set[int]:
        return self.dislikes.get(user_id, set()) & set(drama_ids)

    async def history(self, user_id: int, start: int, count: int) -> list[Watched]:
        found = sorted(self.watched.get(user_id, []), key=lambda each: -each[1])
        return [Watched(drama, at_ms) for drama, at_ms, _, _ in found[start : start + count]]


@pytest.fixture
def charts() -> MemoryCharts:
    return MemoryCharts()


@pytest.fixture
def viewers() -> MemoryViewers:
    return MemoryViewers()


@pytest.fixture
def catalogue() -> FixedCatalogue:
    return FixedCatalogue()


@pytest.fixture
def app(charts: MemoryCharts, viewers: MemoryViewers, catalogue: FixedCatalogue) -> Any:
    made = Twins(catalogue=catalogue).app()
    made.state.product = Product(catalogue, charts, viewers, now_ms=lambda: NOW_MS)
    return made


async def get(app: Any, address: str, **headers: str) -> Any:
    async with caller(app) as client:
        return await client.get(address, headers=headers)


async def test_a_dramas_numbers_are_public_and_carry_their_names(app: Any, charts: MemoryCharts) -> None:
    charts.numbers[DRAMA] = {name: i for i, name in enumerate(counters.COUNTERS)}
    answer = await get(app, f"/v1/dramas/{DRAMA}/counters")
    names = ("views", "valid_plays", "long_plays", "completes", "likes", "follows", "shares", "unlocks")
    assert answer.status_code == 200
    assert answer.json() == {"drama_id": DRAMA} | {name: charts.numbers[DRAMA][name] for name in names}


@pytest.mark.parametrize("address", [f"/v1/dramas/{UNKNOWN_DRAMA}/counters", f"/v1/dramas/{2**52}/counters"])
async def test_a_drama_that_is_not_there_has_no_numbers(app: Any, address: str) -> None:
    answer = await get(app, address)
    assert answer.status_code == 404
    assert code(answer) == "unknown_drama"


async def test_a_drama_that_was_taken_down_is_nowhere(
    app: Any, catalogue: FixedCatalogue, viewers: MemoryViewers
) -> None:
    viewers.watched[USER] = [(DRAMA, 1_000, 1, 5), (OTHER_DRAMA, 2_000, 1, 5)]
    catalogue.current = a_catalogue(takedowns=(OTHER_DRAMA,))
    assert (await get(app, f"/v1/dramas/{OTHER_DRAMA}/counters")).status_code == 404
    for address in ("/v1/hot", "/v1/trending", "/v1/me/history", "/v1/me/progress"):
        assert [item["drama_id"] for item in (await get(app, address, **AUTH)).json()["items"]] == [DRAMA], address


async def test_a_chart_ranks_what_may_be_shown(app: Any) -> None:
    items = (await get(app, "/v1/hot?size=2", **AUTH)).json()["items"]
    assert [(item["drama_id"], item["rank"]) for item in items] == [(OTHER_DRAMA, 1), (DRAMA, 2)]
    items = (await get(app, "/v1/hot?size=3", **AUTH)).json()["items"]
    assert [(item["drama_id"], item["rank"]) for item in items] == [(OTHER_DRAMA, 1), (DRAMA, 2)]


async def test_progress_tells_where_to_go_on(app: Any, viewers: MemoryViewers) -> None:
    viewers.watched[USER] = [(DRAMA, 1_000, 2, 5_000), (OTHER_DRAMA, 2_000, 1, EPISODE_MS)]
    items = (await get(app, f"/v1/me/progress?drama_id={DRAMA}&drama_id={OTHER_DRAMA}", **AUTH)).json()["items"]
    told = [(i["episode_no"], i["position_ms"], i["next_episode_no"], i["next_position_ms"]) for i in items]
    assert told == [(2, 5_000, 2, 5_000), (1, EPISODE_MS, 2, 0)]
    assert [i["drama_id"] for i in (await get(app, "/v1/me/progress", **AUTH)).json()["items"]] == [OTHER_DRAMA, DRAMA]


async def test_history_comes_in_pages_the_latest_first(app: Any, viewers: MemoryViewers) -> None:
    viewers.watched[USER] = [(DRAMA, 1_000, 1, 5), (OTHER_DRAMA, 2_000, 1, 5)]
    first = (await get(app, "/v1/me/history?size=1", **AUTH)).json()
    assert [item["drama_id"] for item in first["items"]] == [OTHER_DRAMA]
    second = (await get(app, f"/v1/me/history?size=1&cursor={first['next_cursor']}", **AUTH)).json()
    assert [item["drama_id"] for item in second["items"]] == [DRAMA]
    assert (await get(app, f"/v1/me/history?size=1&cursor={second['next_cursor']}", **AUTH)).json() == {
        "items": [],
        "next_cursor": None,
    }


async def test_what_was_begun_and_not_finished_waits_for_the_viewer(
    app: Any, viewers: MemoryViewers, catalogue: Any
) -> None:
    catalogue.current = a_catalogue(*(a_drama(n, n) for n in range(1, 7)))
    viewers.watched[USER] = [
        (1, 10, 1, 20_000), (2, 30, 2, 0), (3, 20, 3, EPISODE_MS), (4, 40, 1, 2_000), (5, 50, 1, 20_000), (6, 5, 2, 9),
    ]  # fmt: skip
    viewers.dislikes[USER] = {5}
    found = (await get(app, "/v1/me/continue", **AUTH)).json()["items"]
    assert [item["drama_id"] for item in found] == [2, 1, 6]  # neither finished, nor left at once, nor disliked
    assert [item["next_episode_no"] for item in found] == [2, 1, 2]
    assert [i["drama_id"] for i in (await get(app, "/v1/me/continue?size=1", **AUTH)).json()["items"]] == [2]
    catalogue.current = catalogue.current.with_takedowns([2])
    assert [i["drama_id"] for i in (await get(app, "/v1/me/continue", **AUTH)).json()["items"]] == [1, 6]


async def test_charts_and_what_was_watched_are_held_to_region_and_age(app: Any, viewers: Any, catalogue: Any) -> None:
    catalogue.current = a_catalogue(a_drama(DRAMA, 1, min_age=18), a_drama(OTHER_DRAMA, 2, region="US"))
    viewers.watched[USER] = [(DRAMA, 10, 1, 20_000), (OTHER_DRAMA, 30, 2, 0)]
    addresses = ("/v1/hot", "/v1/trending", "/v1/me/progress", "/v1/me/history", "/v1/me/continue")
    for claims, seen in (
        ({}, {OTHER_DRAMA}), ({"age_years": 18}, {DRAMA, OTHER_DRAMA}), ({"region": "CN"}, set()),
        ({"region": "US", "age_years": 12}, {OTHER_DRAMA}),
    ):  # fmt: skip
        for address in addresses:
            answer = await get(app, address, authorization=f"Bearer {a_token(**claims)}")
            assert {item["drama_id"] for item in answer.json()["items"]} == seen, (address, claims)


async def test_a_chart_is_full_though_much_of_it_is_barred(app: Any, charts: MemoryCharts, catalogue: Any) -> None:
    catalogue.current = a_catalogue(*(a_drama(n, n, min_age=18 * (n <= 50)) for n in range(1, 61)))
    charts.placed = [Placed(n, 100.0 - n) for n in range(1, 61)]
    items = (await get(app, "/v1/hot?size=5", **AUTH)).json()["items"]
    assert [(item["drama_id"], item["rank"]) for item in items] == [(50 + n, n) for n in range(1, 6)]


@pytest.mark.parametrize("address", ["/v1/me/progress", "/v1/me/history", "/v1/me/continue", "/v1/hot", "/v1/trending"])
async def test_without_a_token_nothing_is_told(app: Any, address: str) -> None:
    assert (await get(app, address)).status_code == 401


@pytest.mark.parametrize(
    "address", ["/v1/hot?size=0", "/v1/hot?size=101", "/v1/me/history?cursor=-1", "/v1/me/progress?drama_id=0"]
)
async def test_a_number_outside_its_bounds_is_refused(app: Any, address: str) -> None:
    assert (await get(app, address, **AUTH)).status_code == 422


async def test_where_redis_is_away_the_answer_says_to_come_again(app: Any, charts: MemoryCharts) -> None:
    charts.up = False
    answer = await get(app, f"/v1/dramas/{DRAMA}/counters")
    assert answer.status_code == 503
    assert code(answer) == "numbers_unavailable"
    assert "retry-after" in answer.headers


async def test_a_viewer_is_told_nothing_of_another(app: Any, viewers: MemoryViewers) -> None:
    viewers.watched[USER + 1] = [(DRAMA, 1_000, 1, 5)]
    assert (await get(app, "/v1/me/history", **AUTH)).json()["items"] == []
    other = {"authorization": f"Bearer {a_token(USER + 1)}"}
    assert len((await get(app, "/v1/me/history", **other)).json()["items"]) == 1
