"""New dramas as ClickHouse and the catalogue tell them, and what pages are given of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np
import pytest
import redis

from domain import keys
from domain.catalogue import EMPTY, Catalogue
from domain.cold import MAX_LENGTH, unpack_orders
from domain.feed import Source
from recommender.errors import Refused
from recommender.learning.asked import SQL, ask
from recommender.learning.weights import WEIGHTS, Weights
from recommender.refresh.cold import MOST_NEW, ColdReport, refresh_cold
from recommender.refresh.cold_store import RedisColdStore
from tests.catalogue import a_drama
from tests.memory_cold import MemoryColdStore
from tests.watch_rows import DRAMA_OF, a_row, a_watch, insert

pytestmark = pytest.mark.servers

NOW_MS = 1_790_000_000_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
AT, LONG_AGO = NOW_MS - HOUR_MS // 2, NOW_MS - 20 * DAY_MS
SHORT = 6_999  # no valid play
NEW = msgspec.structs.replace(WEIGHTS, cold_viewers=20, cold_most=60)


def a_catalogue(dramas: int, **fields: Any) -> Catalogue:
    """Dramas with dense indexes 1.., of one category."""
    return Catalogue.of(a_drama(DRAMA_OF + n, index=n, category="都市", **fields) for n in range(1, dramas + 1))


def shown(
    index: int, users: Iterable[int], at_ms: int = AT, *, source: str = "cold", valid: int = 0, **more: Any
) -> list[dict[str, Any]]:
    """To these viewers, of whom the first `valid` then had a valid play and the others a short one."""
    rows = []
    for number, user in enumerate(users):
        rows.append(a_row("impression", user, index, at_ms, source=source, **more))
        rows += a_watch(user, index, at_ms + 1, 7_000 if number < valid else SHORT, session_id=f"w{user}")
    return rows


def refreshed(
    client: Any, catalogue: Catalogue, weights: Weights = WEIGHTS, now_ms: int = NOW_MS
) -> tuple[ColdReport, set[int]]:
    """What the job says, and the dramas that it published."""
    store = MemoryColdStore()
    report = refresh_cold(client, catalogue, store, weights, now_ms=now_ms, seed=7)
    published: set[int] = set().union(*store.cold.orders)
    assert report.sentence()
    assert (report.listed, report.share) == (len(published), store.cold.share)
    return report, published


def test_new_is_what_may_be_shown_and_hardly_anybody_was_shown_before(client: Any):
    coming = (a_drama(DRAMA_OF + n, index=n, releases=[NOW_MS + n - 6] * 2) for n in (6, 9))
    catalogue = a_catalogue(8).with_changes([a_drama(DRAMA_OF + 7, index=7, published=False), *coming])
    known = range(2 * WEIGHTS.cold_known)
    insert(client, [
        *shown(2, range(9)),  # since half an hour
        *shown(3, known, LONG_AGO),  # old
        *shown(4, known[::4], LONG_AGO),  # hardly shown, long ago
        *shown(5, [1] * 50, LONG_AGO),  # to one viewer alone
        *shown(0, [1], drama_id=9),  # the canary's
    ])  # fmt: skip
    report, published = refreshed(client, catalogue.with_takedowns([DRAMA_OF + 8]))
    assert published == {1, 2, 4, 5, 6}
    assert (report.new, report.owed, report.late) == (5, 5, 0)


def test_a_device_whose_clock_is_wrong_makes_no_drama_old_or_late(client: Any):
    clock = {"received_at": a_row("x", 1, 1, AT)["ts"]}
    insert(client, shown(1, range(3), NOW_MS - 6 * DAY_MS, **clock))
    report, published = refreshed(client, a_catalogue(1))
    assert (report.new, report.late, published) == (1, 0, {1})


def test_viewers_are_all_who_were_shown_it_and_asked_are_those_whom_chance_chose(client: Any):
    insert(client, [
        *shown(1, range(10), valid=4), *shown(1, range(5), valid=5),  # twice is once
        *shown(1, range(20, 26), source="personal", valid=6),
        *shown(1, [30], source="explore", valid=1), *shown(1, [31], source="random"),
        *shown(1, [40], source="personal", valid=1), *shown(1, [40], source="cold"),
        *a_watch(50, 1, AT),  # found by searching: nobody showed it
        *shown(1, [60], NOW_MS + 1, valid=1), *shown(1, [61], NOW_MS - 8 * DAY_MS, valid=1),
        *shown(2, [1], valid=1),
    ])  # fmt: skip
    moments = {"as_of_ms": NOW_MS, "recent_ms": NOW_MS - 7 * DAY_MS}
    pool = ask(client, "cold_pool", {**moments, "dramas": [DRAMA_OF + 1]}, WEIGHTS).to_pylist()
    assert pool == [{"drama_index": 1, "viewers": 10 + 6 + 2 + 1, "asked": 13, "valid": 5 + 1 + 1}]
    crowd = ask(client, "cold_crowd", moments, WEIGHTS).to_pylist()
    assert crowd == [{"drama_index": 1, "asked": 13, "valid": 7}, {"drama_index": 2, "asked": 1, "valid": 1}]


def test_the_crowd_is_a_sample_of_bounded_size_and_the_same_each_time(client: Any):
    insert(client, [row for index in (1, 2, 3) for row in shown(index, range(50), valid=25)])
    moments = {"as_of_ms": NOW_MS, "recent_ms": NOW_MS - 7 * DAY_MS}
    few = msgspec.structs.replace(WEIGHTS, cold_sample=60)
    first, again = (ask(client, "cold_crowd", moments, few).to_pylist() for _ in range(2))
    assert first == again
    assert sum(row["asked"] for row in first) == 60
    assert 15 <= sum(row["valid"] for row in first) <= 45


def test_a_valid_play_is_seven_seconds_in_one_playback_or_all_of_a_shorter_episode(client: Any):
    insert(client, [
        *(a_row("impression", user, 1, AT, source="cold") for user in (1, 2, 3)),
        *a_watch(1, 1, AT, SHORT), *a_watch(1, 1, AT + 5, SHORT),  # two playbacks, both too short
        *a_watch(2, 1, AT, 7_000), *a_watch(3, 1, AT, 3_000, 3_000),
    ])  # fmt: skip
    moments = {"as_of_ms": NOW_MS, "recent_ms": NOW_MS - 7 * DAY_MS, "dramas": [DRAMA_OF + 1]}
    (row,) = ask(client, "cold_pool", moments, WEIGHTS).to_pylist()
    assert (row["asked"], row["valid"]) == (3, 2)


def test_good_ones_graduate_bad_ones_retire_and_the_others_go_on(client: Any):
    old = [row for n in range(10, 16) for row in shown(n, range(100, 130), LONG_AGO)]
    crowd = [row for n in range(10, 16) for row in shown(n, range(200, 240), source="random", valid=12)]
    insert(client, [
        *old, *crowd,
        *shown(1, range(30), AT - HOUR_MS, valid=26), *shown(2, range(30), AT - HOUR_MS, valid=0),
        *shown(3, range(30), AT - HOUR_MS, valid=9), *shown(4, range(10), AT - 30 * HOUR_MS),
    ])  # fmt: skip
    report, published = refreshed(client, a_catalogue(15), NEW)
    assert (report.new, report.graduated, report.retired, report.undecided) == (9, 1, 1, 1)
    assert (report.owed, report.late) == (6, 1)
    assert not published & {1, 2, *range(10, 16)}
    assert {3, 4, 5} <= published


def test_the_share_is_what_they_need_of_what_is_shown(client: Any):
    """One new drama; ten times as much shown to others makes its share a tenth."""
    shares = []
    for viewers in (4_000, 36_000):
        client.command(
            "INSERT INTO events (event_type, user_id, session_id, seq, drama_id, drama_index, ts, received_at, offset)"
            f" SELECT 'impression', number, 's', number + {viewers}, {DRAMA_OF + 2}, 2, toDateTime64({AT / 1000}, 3),"
            f" toDateTime64({AT / 1000}, 3), number FROM numbers({viewers})"
        )
        report, published = refreshed(client, a_catalogue(2))
        shares.append(report.share)
        assert published == {1}
    assert report.items_an_hour == 40_000
    assert shares[0] == pytest.approx(10 * shares[1])
    assert 0 < shares[0] < WEIGHTS.cold_share


def test_it_is_published_as_the_feed_reads_it_and_the_same_seed_publishes_the_same(client: Any, settings: Any):
    insert(client, shown(40, range(9), LONG_AGO))
    with redis.Redis.from_url(settings.redis_url) as server:
        raws = []
        for seed in (1, 1, 2):
            refresh_cold(client, a_catalogue(40), RedisColdStore(server), WEIGHTS, now_ms=NOW_MS, seed=seed)
            raws.append(server.get(keys.REC_COLD))
    assert raws[0] == raws[1] != raws[2]
    assert set(unpack_orders(raws[0]).orders[0]) <= set(range(1, 41))


# -- bounds ------------------------------------------------------------------------------------------------------------


def test_nothing_is_published_for_an_empty_catalogue(client: Any):
    with pytest.raises(Refused, match="catalogue"):
        refreshed(client, EMPTY)


def test_ten_thousand_new_dramas_and_no_impression_at_all(client: Any):
    report, published = refreshed(client, a_catalogue(10_000))
    assert (report.new, report.owed, report.items_an_hour) == (MOST_NEW, MOST_NEW, 0)
    assert report.share == WEIGHTS.cold_share
    assert MAX_LENGTH <= len(published) <= MOST_NEW


def test_a_catalogue_of_old_dramas_alone_explores_nothing(client: Any):
    insert(client, shown(1, range(30), LONG_AGO))
    report, published = refreshed(client, a_catalogue(1))
    assert (report.new, report.share, published) == (0, 0.0, set())


def test_events_of_dramas_that_the_catalogue_does_not_have_harm_nothing(client: Any):
    insert(client, [*shown(60_000, range(5)), *shown(1, range(5))])
    assert refreshed(client, a_catalogue(2))[1] == {1, 2}


def test_queries_name_sources_as_the_feed_does():
    named = {
        word for name in ("cold_pool", "cold_crowd") for word in (SQL / f"{name}.sql").read_text().split("'")[1::2]
    }
    chance = {Source.COLD, Source.EXPLORE, Source.RANDOM}
    assert named & set(Source) == chance
    assert named - set(Source) == {"impression", "heartbeat", "play_ended"}
    assert np.all([source.value for source in chance])


def test_what_came_out_today_is_not_behind_a_backlog_of_what_nobody_was_shown(client: Any):
    insert(client, shown(7, range(3)))
    _, published = refreshed(client, a_catalogue(MOST_NEW + 2))
    assert {7, MOST_NEW + 2} <= published
