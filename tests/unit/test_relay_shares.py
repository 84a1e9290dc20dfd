"""Who leases what: every shard has an owner soon, shares become equal, a relay that is gone leaves nothing behind."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from infra.money.tables import SHARDS
from streams.relay import shares
from streams.relay.outbox import Lease
from tests.memory_outbox import MemoryOutbox

LIFE_MS = 6_000
NAMES = ["a", "b", "c", "d", "e"]


def look(outbox: MemoryOutbox, me: str) -> None:
    """What a relay does when its leases are due."""
    outbox.renew(me, LIFE_MS)
    outbox.take(me, shares.wanted(outbox.leases(), me), LIFE_MS)


def owned(outbox: MemoryOutbox) -> Counter[str]:
    return Counter(lease.owner for lease in outbox.leases() if lease.left_ms > 0)


def test_the_first_relay_takes_all():
    outbox = MemoryOutbox()
    look(outbox, "a")
    assert owned(outbox) == {"a": SHARDS}
    assert shares.mine(outbox.leases(), "a") == list(range(SHARDS))


def test_a_second_relay_takes_half_from_the_first_which_does_not_take_it_back():
    outbox = MemoryOutbox()
    for me in ("a", "b", "a", "b"):
        look(outbox, me)
        assert sum(owned(outbox).values()) == SHARDS
    assert owned(outbox) == {"a": 32, "b": 32}
    assert shares.wanted(outbox.leases(), "a") == shares.wanted(outbox.leases(), "b") == []


def test_what_a_killed_relay_had_is_taken_when_its_time_is_over_and_not_before():
    outbox = MemoryOutbox()
    for me in ("a", "b"):
        look(outbox, me)
    outbox.now_ms += LIFE_MS - 1
    look(outbox, "b")
    assert owned(outbox) == {"a": 32, "b": 32}
    outbox.now_ms += 1
    look(outbox, "b")
    assert owned(outbox) == {"b": SHARDS}


def test_what_was_released_is_free_at_once():
    outbox = MemoryOutbox()
    look(outbox, "a")
    outbox.release("a")
    look(outbox, "b")
    assert owned(outbox) == {"b": SHARDS}


def test_a_lease_that_another_took_meanwhile_is_not_taken():
    outbox = MemoryOutbox()
    seen = outbox.leases()
    look(outbox, "a")
    outbox.take("b", shares.wanted(seen, "b"), LIFE_MS)
    assert owned(outbox) == {"a": SHARDS}


@given(st.lists(st.sampled_from(NAMES), max_size=30), st.sets(st.sampled_from(NAMES), min_size=1))
def test_whoever_came_and_went_those_who_stay_share_everything_equally(before, stay):
    outbox = MemoryOutbox()
    for me in before:
        look(outbox, me)
        outbox.now_ms += 500
    for _ in range(3):  # those who went are forgotten after a life
        outbox.now_ms += LIFE_MS // 2
        for me in sorted(stay):
            look(outbox, me)
    found = owned(outbox)
    assert found.keys() == stay
    assert sum(found.values()) == SHARDS
    assert max(found.values()) - min(found.values()) <= len(stay)
    assert min(found.values()) >= SHARDS // len(stay)
    assert all(not shares.wanted(outbox.leases(), me) for me in stay)


def test_more_relays_than_shards_leave_some_standing_by():
    leases = [Lease(shard, f"r{shard}", LIFE_MS, 1) for shard in range(SHARDS)]
    assert shares.wanted(leases, "late") == []
