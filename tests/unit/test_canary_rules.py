"""The reserved ids of the canary, and what the API takes from it and from nobody else."""

from __future__ import annotations

import pytest

from domain import canary, window
from domain.topics import partition_of
from infra.clickhouse.migrate import MIGRATIONS


def test_every_partition_has_a_canary_whatever_their_number():
    hashes = [partition_of(user_id, 2**32) for user_id in canary.USERS]  # what partition_of takes the remainder of
    for partitions in range(1, 1025):
        missing = set(range(partitions))
        for number in hashes:
            missing.discard(number % partitions)
            if not missing:
                break
        assert not missing, partitions


@pytest.mark.parametrize("partitions", [1, 4, 64, 219, 1024])
def test_it_lives_in_its_partition(partitions):
    for partition in range(partitions):
        user_id = canary.user_of(partition, partitions)
        assert user_id in canary.USERS
        assert partition_of(user_id, partitions) == partition


def test_there_is_none_in_a_partition_that_is_not_there():
    with pytest.raises(ValueError, match="partition 4 of 4"):
        canary.user_of(4, 4)


def test_a_day_of_canaries_is_one_session_and_a_small_window():
    now = window.EMPTY
    first_ms = 20_000 * canary.DAY_MS
    assert canary.session_of(1, first_ms) == canary.session_of(1, first_ms + canary.DAY_MS - 1)
    assert canary.session_of(1, first_ms) != canary.session_of(1, first_ms + canary.DAY_MS)
    assert canary.session_of(1, first_ms) != canary.session_of(2, first_ms)
    for at_ms in range(first_ms, first_ms + canary.DAY_MS, 30_000):
        verdict, now = window.add(now, canary.seq_at(at_ms), at_ms // window.HOUR_MS)
        assert verdict == window.NEW
    assert len(window.encode(now)) < 500


def test_the_views_leave_out_the_same_drama():
    spelled = {path.name for path in MIGRATIONS.glob("*.sql") if str(canary.DRAMA_ID) in path.read_text()}
    assert spelled >= {"016_user_daily_canary.sql", "017_drama_daily_canary.sql", "018_events_canary_comment.sql"}
