"""Pairs of dramas that the same viewers watched, as ClickHouse counts them (recommender/learning/sql/pairs.sql)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from recommender.learning import asked, snapshot
from recommender.learning.weights import WEIGHTS
from tests.watch_rows import a_watch, insert

pytestmark = pytest.mark.servers

NOW_MS = 1_790_000_000_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
AT = NOW_MS - HOUR_MS


def test_pairs_weigh_by_what_was_watched_and_whether_in_one_session(client):
    at = NOW_MS - 10 * DAY_MS
    insert(client, [
        *a_watch(1, 1, at, session_id="a"), *a_watch(1, 2, at + 1, session_id="a"),  # one session, both to the end: 1
        *a_watch(2, 1, at, session_id="b"), *a_watch(2, 2, at + DAY_MS, session_id="c"),  # one week: 0.5
        *a_watch(2, 1, at + 2, session_id="b2"),  # again: still one pair
        *a_watch(3, 1, at, 2_000, session_id="d"), *a_watch(3, 2, at, 2_000, session_id="d"),  # both short: 0.25
        *a_watch(4, 1, at, session_id="e"), *a_watch(4, 2, at + 8 * DAY_MS, session_id="f"),  # too far apart
    ])  # fmt: skip
    pairs = snapshot.read(client, NOW_MS, WEIGHTS).pairs
    found = {(int(a), int(b)): float(w) for a, b, w in zip(pairs.a, pairs.b, pairs.weight, strict=True)}
    assert found == {(1, 2): 1.75, (2, 1): 1.75}


def test_of_many_sessions_the_same_are_looked_at_however_they_came(client, monkeypatch):
    def watched(session: int, drama: int = 1) -> list[dict[str, Any]]:
        at_ms = NOW_MS - DAY_MS + session
        return [row for user in range(1, 41) for row in a_watch(user, drama, at_ms, session_id=f"s{session}")]

    found = []
    for threads, order in ((1, range(12)), (2, range(12)), (2, range(11, -1, -1)), (8, range(12))):
        monkeypatch.setitem(asked.LIMITS, "max_threads", threads)
        client.command("TRUNCATE TABLE events")
        for session in order:
            insert(client, watched(session))  # by playbacks of other numbers each time
        insert(client, watched(5, drama=2))
        found.append(snapshot.read(client, NOW_MS, WEIGHTS).pairs.weight.tolist())
    assert found == [found[0]] * 4
    assert found[0] in ([20, 20], [40, 40])  # of each viewer s5 is looked at, or of none


def test_a_drama_keeps_its_strongest_partners(client):
    few = msgspec.structs.replace(WEIGHTS, pair_partners=1)
    at = NOW_MS - DAY_MS
    rows = [
        *a_watch(1, 1, at),
        *a_watch(1, 2, at),
        *a_watch(2, 1, at),
        *a_watch(2, 2, at),
        *a_watch(3, 1, at),
        *a_watch(3, 3, at),
    ]
    insert(client, rows)
    pairs = snapshot.read(client, NOW_MS, few).pairs
    assert set(zip(pairs.a.tolist(), pairs.b.tolist(), strict=True)) == {(1, 2), (2, 1), (3, 1)}


def test_pairs_alone_are_those_of_the_snapshot(client):
    insert(client, [*a_watch(1, 1, AT), *a_watch(1, 2, AT), *a_watch(2, 2, AT), *a_watch(2, 3, AT, 5_000)])
    alone, whole = snapshot.read_pairs(client, NOW_MS, WEIGHTS), snapshot.read(client, NOW_MS, WEIGHTS).pairs
    assert [vars(alone)[name].tolist() for name in vars(alone)] == [vars(whole)[name].tolist() for name in vars(whole)]
    assert len(alone.a) == 4
