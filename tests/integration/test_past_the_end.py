"""What players report past the end of an episode is nothing watched, in every query: it has a length all the same."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from domain.playback import VALID_MS
from ingest_api.events.judge import PAST_THE_END_MS
from recommender.learning import snapshot
from recommender.learning.asked import DAY_MS, ask
from recommender.learning.weights import WEIGHTS
from tests.watch_rows import a_row, a_watch, insert

pytestmark = pytest.mark.servers

NOW_MS = 1_790_000_000_000
AT = NOW_MS - 3_600_000
END_MS = 60_000
PLAY = uuid.UUID(int=1)


def beat(index: int, from_ms: int, to_ms: int) -> dict[str, Any]:
    return a_row("heartbeat", 1, index, AT, play_id=PLAY, from_ms=from_ms, to_ms=to_ms, duration_ms=END_MS)


def test_it_is_no_watch_and_makes_no_pair(client):
    insert(client, [beat(1, END_MS + 1_000, END_MS + PAST_THE_END_MS), *a_watch(1, 2, AT)])
    known = snapshot.read(client, NOW_MS, WEIGHTS)
    assert known.watches.drama.tolist() == [2]
    assert known.pairs.a.tolist() == []


def test_it_makes_no_play_of_a_new_drama_valid(client):
    insert(client, [
        a_row("impression", 1, 3, AT, source="cold"), beat(3, 0, VALID_MS - 1),
        beat(3, END_MS + PAST_THE_END_MS - 1, END_MS + PAST_THE_END_MS),
    ])  # fmt: skip
    moments = {"as_of_ms": NOW_MS, "recent_ms": NOW_MS - DAY_MS, "from_ms": NOW_MS - DAY_MS}
    pool = ask(client, "cold_pool", {**moments, "dramas": [1_003]}, WEIGHTS)
    crowd = ask(client, "cold_crowd", moments, WEIGHTS)
    assert (pool["asked"].to_pylist(), pool["valid"].to_pylist()) == ([1], [0])
    assert (crowd["asked"].to_pylist(), crowd["valid"].to_pylist()) == ([1], [0])
