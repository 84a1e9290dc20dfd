"""`random_slots`: the places that chance filled, and the click rate that only they can tell."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from typing import Any

import pytest

from domain import canary
from infra.clickhouse.client import connect
from infra.clickhouse.migrate import migrate
from infra.place import ROOT
from infra.settings import Settings
from tests.watch_rows import DRAMA_OF, a_row, insert

pytestmark = pytest.mark.servers

NOON_MS = 1_790_049_600_000  # 2026-09-22, 12:00 in Shanghai
DAY_MS = 86_400_000


@pytest.fixture
def client(fresh: Settings) -> Iterator[Any]:
    migrate(fresh)
    with connect(fresh) as connected:
        yield connected


def shown(user: int, index: int, propensity: float, *, clicked: bool = False, at: int = NOON_MS, **more: Any) -> Any:
    """An impression and, if so, the click on it."""
    place = {
        "source": "random",
        "arm": "base",
        "request_id": f"q{user}",
        "position": 3,
        "propensity": propensity,
    } | more
    rows = [a_row("impression", user, index, at, **place)]
    return [*rows, a_row("clicked", user, index, at + 1, **place)] if clicked else rows


def documented() -> str:
    """The query of docs/experiments.md."""
    text = (ROOT / "docs/experiments.md").read_text(encoding="utf-8")
    return next(sql for sql in re.findall(r"```sql\n(.*?)```", text, re.S) if "random_slots" in sql)


def rows_of(client: Any) -> list[tuple[Any, ...]]:
    sql = "SELECT user_id, drama_id, position, arm, propensity, weight, clicked FROM random_slots ORDER BY ALL"
    return [tuple(row) for row in client.query(sql).result_rows]


def test_a_place_is_one_row_and_only_what_chance_put_there_is_in(client: Any):
    insert(client, [
        *shown(1, 5, 0.125, clicked=True), *shown(1, 5, 0.125, clicked=True),  # seen and opened twice
        *shown(2, 5, 0.25),
        *shown(3, 5, 0.5, clicked=True)[1:],  # its impression was lost
        *shown(4, 5, 0.0, clicked=True),  # an old client
        *shown(5, 5, 0.5, source="personal"),
        *shown(6, 5, 0.5, request_id=""),
        *shown(7, 5, 0.5, drama_id=canary.DRAMA_ID),
    ])  # fmt: skip
    five = DRAMA_OF + 5
    assert rows_of(client) == [(1, five, 3, "base", 0.125, 8.0, True), (2, five, 3, "base", 0.25, 4.0, False)]


def test_the_documented_query_tells_the_rate_by_day(client: Any):
    insert(client, [
        *shown(1, 5, 0.125, clicked=True), *shown(2, 6, 0.25), *shown(3, 7, 0.25, clicked=True),
        *shown(4, 5, 0.5, at=NOON_MS + DAY_MS),
    ])  # fmt: skip
    first, second = client.query(documented()).result_rows
    assert (str(first[0]), first[1], first[2]) == ("2026-09-22", 3, pytest.approx(12 / 16))
    assert first[3] == pytest.approx(
        1.96 * (8**2 * (1 / 4) ** 2 + 4**2 * (3 / 4) ** 2 + 4**2 * (1 / 4) ** 2) ** 0.5 / 16
    )
    assert (str(second[0]), second[1], second[2]) == ("2026-09-23", 1, 0.0)


def test_weighted_clicks_of_random_places_are_unbiased_where_all_clicks_are_not(client: Any):
    """Dramas 1 to 10: 9 that few like and one that all do, which is recommended and which chance shows less."""
    rng = random.Random(7)
    taste = {index: 0.1 for index in range(1, 10)} | {10: 0.9}
    chance = {index: 0.18 for index in range(1, 6)} | {index: 0.02 for index in range(6, 11)}
    rows: list[dict[str, Any]] = []
    for user in range(1, 4_001):
        (index,) = rng.choices(list(chance), list(chance.values()))
        rows += shown(user, index, chance[index], clicked=rng.random() < taste[index])
        rows += shown(user, 10, 0.0, source="personal", request_id=f"p{user}", clicked=rng.random() < taste[10])
    insert(client, rows)
    ((_, places, rate, error),) = client.query(documented()).result_rows
    assert (places, error < 0.03) == (4_000, True)
    assert abs(rate - sum(taste.values()) / 10) <= 1.5 * error, "as if each drama had been shown alike"
    plain = "SELECT countIf(event_type = 'clicked') / countIf(event_type = 'impression') FROM events"
    assert float(client.command(plain)) > 0.4, "the rate of all impressions is that of what was recommended"
    unweighted = "SELECT avg(clicked) FROM random_slots"
    assert abs(float(client.command(unweighted)) - sum(taste.values()) / 10) > 2 * error
