"""What the recommender knows of viewers and dramas, as ClickHouse tells it (recommender/learning/snapshot.py)."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
import numpy as np
import pytest

from domain import playback
from recommender.learning import signals, snapshot
from recommender.learning.weights import WEIGHTS
from tests.watch_rows import a_row, a_watch, insert

pytestmark = pytest.mark.servers

NOW_MS = 1_790_000_000_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
AT = NOW_MS - HOUR_MS
SHORT = WEIGHTS.skip_ms - 1


def told(client: Any, as_of_ms: int = NOW_MS) -> dict[tuple[int, int], dict[str, float]]:
    """(user, dense index) -> what the snapshot says."""
    watches = snapshot.read(client, as_of_ms, WEIGHTS).watches
    names = ("share", "completes", "seen", "positive", "liked", "followed", "at_ms")
    return {
        (int(watches.user_id[i]), int(watches.drama[i])): {name: float(getattr(watches, name)[i]) for name in names}
        for i in range(len(watches))
    }


def beside(watched_ms: int, duration_ms: int) -> float:
    """What an episode adds to `share`."""
    share, length = np.array([watched_ms / duration_ms]), np.array([duration_ms])
    return float(signals.beside_usual(share, length, WEIGHTS)[0])


def of(part: Any) -> set[tuple[int, int]]:
    """Viewers and dramas."""
    return set(zip(part.user_id.tolist(), part.drama.tolist(), strict=True))


def test_watching_is_counted_once_however_often_and_up_to_the_end(client):
    play = uuid.UUID(int=9)
    at = NOW_MS - HOUR_MS
    beats = [(0, 5_000), (3_000, 8_000), (0, 5_000), (20_000, 90_000)]  # 8 s, then 10 s up to the end at 30 s
    insert(client, [
        *(a_row("heartbeat", 1, 5, at, play_id=play, from_ms=a, to_ms=b, duration_ms=30_000) for a, b in beats),
        *a_watch(1, 5, at + 60_000, 3_000, 30_000),  # another playback, shorter
        *a_watch(1, 5, at + 90_000, 60_000, 60_000, episode_no=2),
        *a_watch(2, 5, at, 2_000, 60_000),
    ])  # fmt: skip
    found = told(client)
    assert found[1, 5] == {
        "share": pytest.approx(beside(18_000, 30_000) + beside(60_000, 60_000)),
        "completes": 1, "seen": 1, "positive": 1, "liked": 0, "followed": 0,
        "at_ms": at + 90_000,
    }  # fmt: skip
    assert found[2, 5] == {
        "share": pytest.approx(beside(2_000, 60_000)),
        "completes": 0, "seen": 0, "positive": 0, "liked": 0, "followed": 0,
        "at_ms": at,
    }  # fmt: skip


def test_reactions_count_as_they_stand_and_a_disliked_drama_is_left_out(client):
    at = NOW_MS - HOUR_MS
    insert(client, [
        a_row("liked", 1, 5, at), a_row("unliked", 1, 5, at + 1), a_row("liked", 1, 5, at + 2, episode_no=2),
        a_row("followed", 1, 6, at), a_row("liked", 1, 7, at), a_row("unliked", 1, 7, at + 1),
        a_row("followed", 1, 8, at), a_row("unfollowed", 1, 8, at + 1),
        *a_watch(1, 9, at), a_row("disliked", 1, 9, at + 1),
        *a_watch(2, 9, at),
    ])  # fmt: skip
    found = told(client)
    assert set(found) == {(1, 5), (1, 6), (2, 9)}
    assert (found[1, 5]["liked"], found[1, 5]["followed"], found[1, 5]["share"]) == (1, 0, 0)
    assert (found[1, 6]["liked"], found[1, 6]["followed"]) == (0, 1)


def test_nothing_from_the_moment_on_and_nothing_of_long_ago_is_read(client):
    long_ago = NOW_MS - WEIGHTS.window_days * DAY_MS
    insert(
        client,
        [*a_watch(1, 1, NOW_MS - 1), *a_watch(1, 2, NOW_MS), *a_watch(1, 3, long_ago), *a_watch(1, 4, long_ago - 1)],
    )
    assert set(told(client)) == {(1, 1), (1, 3)}
    half = uuid.UUID(int=77)
    insert(client, [
        a_row("heartbeat", 2, 1, NOW_MS - 5, play_id=half, to_ms=30_000, duration_ms=60_000),
        a_row("heartbeat", 2, 1, NOW_MS + 5, play_id=half, from_ms=30_000, to_ms=60_000, duration_ms=60_000),
    ])  # fmt: skip
    assert told(client)[2, 1]["share"] == pytest.approx(
        beside(30_000, 60_000)
    )  # a playback that goes on is read up to the moment


def test_a_viewer_brings_in_the_latest_dramas_only(client):
    few = msgspec.structs.replace(WEIGHTS, dramas_a_viewer=2, pair_dramas=2)
    insert(client, [row for index in range(1, 6) for row in a_watch(1, index, NOW_MS - index * HOUR_MS)])
    read = snapshot.read(client, NOW_MS, few)
    assert sorted(read.watches.drama.tolist()) == [1, 2]
    assert set(zip(read.pairs.a.tolist(), read.pairs.b.tolist(), strict=True)) == {(1, 2), (2, 1)}


def test_a_quick_skip_is_a_playback_that_ended_soon_and_before_the_end_of_the_episode(client):
    open_end, tail = uuid.UUID(int=5), uuid.UUID(int=6)
    insert(client, [
        *a_watch(1, 1, AT, SHORT), *a_watch(1, 1, AT + 1, SHORT, episode_no=2),  # twice
        *a_watch(1, 2, AT, WEIGHTS.skip_ms),  # long enough
        *a_watch(1, 3, AT, SHORT, SHORT),  # all there is of it
        a_row("heartbeat", 1, 4, AT, play_id=open_end, to_ms=SHORT, duration_ms=60_000),  # not over yet
        a_row("heartbeat", 1, 5, AT, play_id=tail, from_ms=58_500, to_ms=60_000, duration_ms=60_000),
        a_row("play_ended", 1, 5, AT, play_id=tail, from_ms=60_000, to_ms=60_000, duration_ms=60_000),  # the end of it
        *a_watch(1, 5, AT + 9, SHORT),
        *a_watch(1, 6, AT, SHORT), *a_watch(1, 6, AT - DAY_MS, 9_000),  # not all that there was
        a_row("play_ended", 1, 7, AT, play_id=uuid.UUID(int=7), to_ms=0, duration_ms=60_000),  # never began
        *a_watch(1, 8, AT, 1_000, 2_000),
    ])  # fmt: skip
    read = snapshot.read(client, NOW_MS, WEIGHTS).watches
    assert dict(zip(read.drama.tolist(), read.skips.tolist(), strict=True)) == {
        1: 2,
        2: 0,
        3: 0,
        4: 0,
        5: 0,
        6: 0,
        8: 1,
    }


def test_unlocks_count_by_episode_and_a_refunded_one_does_not(client):
    def row(kind: str, drama: int, episode: int, at_ms: int = AT) -> dict[str, Any]:
        return a_row(kind, 1, drama, at_ms, episode_no=episode, session_id="server")

    insert(client, [
        row("unlocked", 1, 3), row("unlocked", 1, 4),
        row("unlocked", 2, 0),
        row("unlocked", 3, 3), row("unlocked", 3, 4), row("refunded", 3, 3, AT + 1),
        row("unlocked", 4, 3), row("refunded", 4, 3, AT + 1),
        row("unlocked", 5, 3), row("refunded", 5, 3, AT + 1), row("unlocked", 5, 3, AT + 2),
        row("unlocked", 0, 3),  # the canary's
    ])  # fmt: skip
    read = snapshot.read(client, NOW_MS, WEIGHTS).watches
    found = dict(zip(read.drama.tolist(), read.unlocks.tolist(), strict=True))
    assert found == {1: 2, 2: WEIGHTS.unlock_whole, 3: 1, 5: 1}


def test_what_was_shown_of_late_and_led_to_nothing_is_ignored(client):
    def shown(user: int, drama: int, at_ms: int, answer: str = "a") -> dict[str, Any]:
        return a_row("impression", user, drama, at_ms, request_id=answer)

    long_ago = NOW_MS - WEIGHTS.ignored_days * DAY_MS
    insert(client, [
        shown(1, 1, AT), shown(1, 1, AT + 5), shown(1, 1, AT + 9, "b"),  # on two pages
        shown(1, 2, AT), *a_watch(1, 2, AT + 1),
        shown(1, 3, AT), a_row("clicked", 1, 3, AT + 1),
        shown(1, 4, AT), *a_watch(1, 4, AT - 1),  # watched before
        shown(1, 5, long_ago), shown(1, 6, long_ago - 1), shown(1, 7, NOW_MS), shown(1, 0, AT),
        shown(2, 2, AT),
    ])  # fmt: skip
    ignored = snapshot.read(client, NOW_MS, WEIGHTS).ignored
    entries = zip(ignored.user_id.tolist(), ignored.drama.tolist(), ignored.times.tolist(), strict=True)
    assert {(user, drama): times for user, drama, times in entries} == {(1, 1): 2, (1, 4): 1, (1, 5): 1, (2, 2): 1}
    one = msgspec.structs.replace(WEIGHTS, ignored_dramas=1)
    assert of(snapshot.read(client, NOW_MS, one).ignored) == {(1, 1), (2, 2)}  # the latest of each viewer


def test_a_drama_skipped_twice_and_not_watched_since_is_cooling(client):
    day, most = DAY_MS, WEIGHTS.cooling_days * DAY_MS

    tail = a_watch(1, 11, NOW_MS - day, SHORT)  # the end of it, at last
    tail[0] |= {"from_ms": 60_000 - SHORT, "to_ms": 60_000}

    def skipped(drama: int, *before_ms: int) -> list[Any]:
        return [row for ms in before_ms for row in a_watch(1, drama, NOW_MS - ms, SHORT)]

    insert(client, [
        *skipped(1, 2 * day, day),
        *skipped(2, day),  # once
        *skipped(3, 2 * day, day), *a_watch(1, 3, NOW_MS - HOUR_MS, 9_000),  # watched since
        *skipped(4, 3 * day, day), *a_watch(1, 4, NOW_MS - 2 * day, 9_000),  # watched between
        *skipped(5, 2 * day, day), *a_watch(1, 5, NOW_MS - 3 * day, 9_000),  # watched before
        *skipped(6, most + day, day),  # just as far apart as they may be
        *skipped(7, most + day + 1, day),
        *skipped(8, most + 1, most - 1),  # since when it is away
        *skipped(9, most + 1, most),
        skipped(10, 2 * day)[0], skipped(10, day)[0],  # not over
        *skipped(11, 3 * day, 2 * day), *tail,
        *skipped(0, 2 * day, day),
    ])  # fmt: skip
    assert of(snapshot.cooling(client, NOW_MS, WEIGHTS, NOW_MS - 20 * DAY_MS)) == {(1, d) for d in (1, 5, 6, 8)}
    few = msgspec.structs.replace(WEIGHTS, cooling_dramas=3)
    found = snapshot.cooling(client, NOW_MS, few, NOW_MS - 20 * DAY_MS)
    assert found.drama.tolist() == [1, 5, 6]  # the latest
    assert of(snapshot.cooling(client, NOW_MS, WEIGHTS, NOW_MS - HOUR_MS + 1)) == set()  # nobody was there since


def test_of_viewers_who_were_there_of_late_the_same_is_read_as_of_all(client):
    old = NOW_MS - 20 * DAY_MS
    insert(client, [
        *a_watch(1, 1, old), *a_watch(2, 1, old), a_row("liked", 2, 3, old), *a_watch(3, 1, old),
        *a_watch(1, 2, AT), *a_watch(1, 3, AT), *a_watch(4, 0, AT),
        a_row("disliked", 2, 1, AT),
        a_row("impression", 3, 5, AT), a_row("impression", 1, 5, AT),
        *a_watch(5, 4, AT - 2 * DAY_MS, received_at=a_row("liked", 1, 1, AT)["ts"]),  # came in late
    ])  # fmt: skip
    whole = snapshot.read(client, NOW_MS, WEIGHTS)
    some = snapshot.read_viewers(client, NOW_MS, WEIGHTS, AT)
    assert of(some.watches) == {(1, 1), (1, 2), (1, 3), (2, 3), (5, 4)}
    for part in ("watches", "ignored"):
        kept = np.isin(getattr(whole, part).user_id, [1, 2, 5])
        for name, column in vars(getattr(some, part)).items():
            assert column.tolist() == getattr(getattr(whole, part), name)[kept].tolist(), name
    assert len(some.pairs.a) == 0 < len(whole.pairs.a)
    one = msgspec.structs.replace(WEIGHTS, active_viewers=1)
    assert len(np.unique(snapshot.read_viewers(client, NOW_MS, one, AT).watches.user_id)) == 1
    with pytest.raises(ValueError, match="everybody"):
        snapshot.read_viewers(client, NOW_MS, WEIGHTS, 0)


def test_a_share_counts_beside_what_is_usual_at_its_length_the_same_in_sql_as_in_python(client):
    edge_ms = WEIGHTS.share_edges_ms[3]
    plays = [(1_000, 5_000), (5_000, 5_000), (1, edge_ms - 1), (20_000, edge_ms), (90_000, 100_000), (9_000, 10**7)]
    for drama, (watched_ms, duration_ms) in enumerate(plays, 1):
        insert(client, a_watch(1, drama, AT, watched_ms, duration_ms))
    insert(client, [*a_watch(1, 1, AT, 500, 5_000), *a_watch(1, 1, AT, 5_000, 5_000, episode_no=2)])
    watches = snapshot.read(client, NOW_MS, WEIGHTS).watches
    watched_ms, duration_ms = np.array(plays, np.int64).T
    expected = signals.beside_usual(watched_ms / duration_ms, duration_ms, WEIGHTS)
    expected[0] += expected[1]  # another episode, to the end
    assert watches.share[np.argsort(watches.drama)] == pytest.approx(expected, abs=1e-6)  # in millionths


def test_thresholds_are_those_of_the_playback_rule(client):
    edges = [(playback.VALID_MS, "seen"), (playback.LONG_MS, "positive")]
    for drama, (edge_ms, _) in enumerate(edges, 1):
        insert(client, [*a_watch(1, drama, AT, edge_ms - 1), *a_watch(2, drama, AT, edge_ms)])
    complete_ms = 60_000 * playback.COMPLETE_PERMILLE // 1000
    insert(client, [*a_watch(1, 3, AT, complete_ms - 1), *a_watch(2, 3, AT, complete_ms)])
    found = told(client)
    for drama, name in enumerate(("seen", "positive", "completes"), 1):
        assert (found[1, drama][name], found[2, drama][name]) == (0, 1)


def test_a_snapshot_of_a_log_without_anything_is_empty(client):
    read = snapshot.read(client, NOW_MS, WEIGHTS)
    assert (len(read.watches), len(read.pairs.a), len(read.ignored.user_id)) == (0, 0, 0)
