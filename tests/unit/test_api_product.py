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
from tests.builders import DRAMA, EPISODE_MS, OTHER_DRAMA, UNKNOWN_DRAMA, USER, a_catalogue, a_token

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
    made.state.product = Product(catalogue, charts, viewers)
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


@pytest.mark.parametrize("address", ["/v1/me/progress", "/v1/me/history", "/v1/hot", "/v1/trending"])
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
