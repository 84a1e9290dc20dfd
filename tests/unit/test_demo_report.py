"""Hit rates, the proof of equality, and the report."""

from __future__ import annotations

import io
import json
from collections import Counter

import numpy as np
import pytest
from rich.console import Console

from domain import counters
from juliu.demo import hits, opens, proof, report, shop
from juliu.demo.ledger import Ledger
from juliu.demo.lists import BadList
from juliu.demo.log import Exposure, WatchLog
from juliu.demo.proof import Rows
from juliu.load.client import Client
from juliu.load.line import Answer


def shown(user_id: int, drama_id: int, play_ms: int) -> Exposure:
    return Exposure(user_id, drama_id, 0, play_ms, False, False, 1, 0, True)


def test_only_what_was_played_is_watched():
    assert hits.watched([shown(1, 5, 10), shown(1, 6, 0), shown(2, 6, 1), shown(1, 7, 9)]) == {1: {5, 7}, 2: {6}}


def test_the_last_watched_drama_is_the_latest_that_was_played():
    zero = np.zeros(4, dtype=np.int64)
    log = WatchLog(
        user_id=np.array([1, 2, 1, 1]), drama_id=np.array([5, 6, 7, 8]), at_ms=np.arange(4),
        play_ms=np.array([9, 9, 9, 0]), liked=zero, followed=zero, tab=zero, session=zero, ends_session=zero > 0,
    )  # fmt: skip
    assert hits.last_watched(log) == {1: 7, 2: 6}


def test_a_sample_is_the_same_every_time():
    assert hits.sample(range(5_000)) == hits.sample(reversed(range(5_000)))
    assert len(set(hits.sample(range(5_000)))) == hits.VIEWERS
    assert hits.sample({3, 1, 2}) == [1, 2, 3]


def test_one_of_the_first_ten_is_a_hit_and_no_list_is_a_miss():
    truth = {1: {50}, 2: {9}, 3: {1}, 4: {1}}
    lists = {1: list(range(50, 40, -1)), 2: [1, 2], 3: [*range(100, 110), 1]}
    assert hits.hit_rate([1, 2, 3, 4], lists, truth) == 0.25
    assert hits.hit_rate([], {}, {}) == 0.0


def a_ledger() -> Ledger:
    return Ledger(
        events=Counter(impression=3, liked=1), dramas={5: Counter(impressions=2, likes=1), 6: Counter(impressions=1)}
    )


def merged(**changed: int) -> dict[int, str]:
    first = {"impressions": 2, "likes": 1, **changed}
    return {
        5: counters.encode(first.get(name, 0) for name in counters.COUNTERS),
        6: counters.encode(int(name == "impressions") for name in counters.COUNTERS),
    }


def test_equal_rows_prove_equality():
    assert proof.rows_differ(a_ledger(), {"impression": Rows(3, 3, 3), "liked": Rows(1, 1, 1)}, late=0) == []


@pytest.mark.parametrize(
    ("rows", "late", "told"),
    [
        ({"impression": Rows(3, 3, 3)}, 0, "liked: 1 sent, 0 rows"),
        ({"impression": Rows(4, 3, 3), "liked": Rows(1, 1, 1)}, 0, "impression: 3 sent, 4 rows, 3 distinct"),
        ({"impression": Rows(3, 3, 2), "liked": Rows(1, 1, 1)}, 0, "impression"),
        ({"impression": Rows(3, 3, 3), "liked": Rows(1, 1, 1), "shared": Rows(1, 1, 1)}, 0, "shared: 0 sent"),
        ({"impression": Rows(3, 3, 3), "liked": Rows(1, 1, 1)}, 2, "2 rows in late_events"),
    ],
)
def test_rows_that_differ_are_told(rows, late, told):
    [difference] = proof.rows_differ(a_ledger(), rows, late)
    assert told in difference


def test_equal_counters_prove_equality():
    assert proof.counters_differ(a_ledger(), merged()) == []


@pytest.mark.parametrize("wrong", [{"impressions": 1}, {"likes": 2}, {"shares": 1}])
def test_a_counter_that_differs_is_told(wrong):
    [difference] = proof.counters_differ(a_ledger(), merged(**wrong))
    assert next(iter(wrong)) in difference


def test_a_drama_that_is_missing_or_too_much_is_told():
    assert "drama 6" in proof.counters_differ(a_ledger(), {5: merged()[5]})[0]
    assert "drama 9" in proof.counters_differ(a_ledger(), {**merged(), 9: merged()[6]})[0]


def test_totals_are_over_all_dramas():
    assert proof.totals(merged())["impressions"] == 3


def a_report(**changed) -> report.Report:
    fields = dict(days=1, events_sent=9, events_accepted=9, redis_equal=True, clickhouse_equal=True, unlocks_equal=True)
    return report.Report(**{**fields, **changed})


def test_all_is_equal_only_where_everything_is():
    assert a_report().all_equal
    for broken in (
        {"redis_equal": False}, {"clickhouse_equal": False}, {"unlocks_equal": False}, {"events_accepted": 8},
    ):  # fmt: skip
        assert not a_report(**broken).all_equal
    assert not a_report(events_sent=0, events_accepted=0).all_equal


def test_a_demo_whose_feed_repeats_itself_or_was_never_opened_is_not_good():
    sound = a_report()
    sound.opened(20, [])
    assert sound.good
    assert not a_report().good
    again = a_report()
    again.opened(20, [(7, 3, 12)])
    assert not again.good
    assert again.differences == ["viewer 7 got drama 12 again at open 3"]


def test_what_was_in_a_page_before_or_was_seen_before_is_a_repeat():
    opened = [{7: [1, 2], 8: [1]}, {7: [3, 2], 8: [2, 9]}]
    assert list(opens.repeated(opened, {8: {9}})) == [(7, 2, 2), (8, 2, 9)]


class Pages(Client):
    """An API whose feed is this many dramas long, whoever asks."""

    def __init__(self, length: int) -> None:
        self._items = [{"drama_id": number} for number in range(1, length + 1)]

    async def get(self, user_id: int, path: str) -> Answer:
        return Answer(200, None, json.dumps({"items": self._items}).encode())


async def test_a_feed_without_dramas_is_not_one_that_never_repeats_itself():
    assert len(await opens.pages(Pages(hits.LENGTH), [7, 8])) == opens.OPENS
    with pytest.raises(BadList, match="viewer 7 got 9"):
        await opens.pages(Pages(hits.LENGTH - 1), [7, 8])


def test_the_report_file_has_the_promised_keys(tmp_path):
    one = a_report(answers=[report.Answer("q", "SELECT 1", ["n"], [[1]])])
    with one.step("train"), one.step("train"):
        pass
    one.write(tmp_path / "demo-report.json")
    document = json.loads((tmp_path / "demo-report.json").read_text())
    assert {
        "events_sent", "events_accepted", "rows_stored", "rows_distinct", "redis_equal", "clickhouse_equal", "feeds",
        "feed_hit_rate", "hot_hit_rate", "also_watched_hit_at_10", "seconds",
        "feed_opens", "feed_repeats", "unlocks", "ledger_debits", "unlock_rows", "unlocks_redis", "unlocks_equal",
    } <= document.keys()  # fmt: skip
    assert list(document["seconds"]) == ["train"]


def test_the_tables_say_no_where_something_is_missing():
    out = io.StringIO()
    answer = report.Answer("Which?", "SELECT drama_id", ["drama_id"], [[7], [1.5]])
    one = a_report(redis_equal=False, differences=["Redis: drama 7: likes 1 for 2"], answers=[answer])
    report.show(one, Console(file=out, width=120))
    assert "NO" in out.getvalue()
    assert "likes 1 for 2" in out.getvalue()
    assert "Which?" in out.getvalue()


def test_sales_are_equal_only_where_every_store_has_them_all():
    assert shop.Sales(3, 3, 3, 3).equal
    assert not shop.Sales(0, 0, 0, 0).equal
    assert not shop.Sales(3, 3, 3, 3, wrong="MySQL: 4 debits of 90 coins for 3 episodes").equal
    for short in ((2, 3, 3, 3), (3, 2, 3, 3), (3, 3, 2, 3), (3, 3, 3, 2)):
        assert not shop.Sales(*short).equal
