"""The relay's loop on the twins of its ports: order, what is sent again, what is waited for, what is told."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterable

import pytest

from infra import metrics
from infra.fold_store import Wait
from infra.money.tables import SHARDS
from streams.relay import process
from streams.relay.outbox import Row
from streams.relay.relay import DAY_MS, Pace, Relay
from tests.memory_outbox import MemoryOutbox, MemorySender

NOW_MS = 1_790_000_000_000


class Clock:
    """Seconds that pass only when a test says so; MySQL's clock goes along."""

    def __init__(self, outbox: MemoryOutbox) -> None:
        self.now, self._outbox = 1_000.0, outbox

    def __call__(self) -> float:
        return self.now

    def wall_ms(self) -> int:
        return NOW_MS + int((self.now - 1_000.0) * 1000)

    def passes(self, seconds: float) -> None:
        self.now += seconds
        self._outbox.now_ms += int(seconds * 1000)


@pytest.fixture
def outbox() -> MemoryOutbox:
    return MemoryOutbox()


@pytest.fixture
def sender() -> MemorySender:
    return MemorySender()


@pytest.fixture
def clock(outbox: MemoryOutbox) -> Clock:
    return Clock(outbox)


@pytest.fixture
def relay(outbox: MemoryOutbox, sender: MemorySender, clock: Clock) -> Relay:
    return a_relay("a", outbox, sender, clock)


def a_relay(owner: str, outbox: MemoryOutbox, sender: MemorySender, clock: Clock) -> Relay:
    return Relay(outbox, sender, owner, Pace(batch=10), clock, clock.wall_ms)


def some_rows(outbox: MemoryOutbox, n: int, users: int = 7) -> None:
    """n rows; each says which of its viewer's it is."""
    seqs: defaultdict[int, int] = defaultdict(int)
    for i in range(n):
        user_id = 1 + i % users
        seqs[user_id] += 1
        outbox.put(user_id, b"%d" % seqs[user_id], NOW_MS)


def firsts(sent: Iterable[Row]) -> dict[int, list[int]]:
    """By viewer, the numbers of its rows in the order in which each came first."""
    found: defaultdict[int, list[int]] = defaultdict(list)
    for row in sent:
        if int(row.value) not in found[row.user_id]:
            found[row.user_id].append(int(row.value))
    return found


def drained(relay: Relay) -> None:
    for _ in range(1_000):
        if not relay.turn():
            return
    pytest.fail("it does not come to an end")


def test_every_row_is_sent_once_and_in_order_then_marked(relay, outbox, sender):
    some_rows(outbox, 95)
    drained(relay)
    assert sorted(row.id for row in sender.sent) == sorted(outbox.published) == list(range(1, 96))
    assert all(numbers == sorted(numbers) for numbers in firsts(sender.sent).values())
    assert max(sender.batches) == 10
    assert set(outbox.published.values()) == {NOW_MS}


@pytest.mark.parametrize("takes", [0, 3, 10])
def test_a_batch_without_all_reports_is_not_marked_and_is_sent_again_as_a_whole(relay, outbox, sender, takes):
    some_rows(outbox, 25)
    sender.takes = takes
    with pytest.raises(Wait, match="kafka"):
        relay.turn()
    assert outbox.published == {}
    drained(relay)
    assert len(sender.sent) == takes + 25
    assert {user: len(numbers) for user, numbers in firsts(sender.sent).items()} == {1: 4, 2: 4, 3: 4, 4: 4} | {
        user: 3 for user in (5, 6, 7)
    }
    assert all(numbers == sorted(numbers) for numbers in firsts(sender.sent).values())


def test_rows_whose_mark_was_lost_are_sent_again(relay, outbox, sender, monkeypatch):
    some_rows(outbox, 5)
    marks = outbox.mark
    monkeypatch.setattr(outbox, "mark", lambda ids, now_ms: setattr(outbox, "away", True) or marks(ids, now_ms))
    with pytest.raises(Wait, match="mysql"):
        relay.turn()
    monkeypatch.setattr(outbox, "mark", marks)
    outbox.away = False
    drained(relay)
    assert [row.id for row in sender.sent] == 2 * [row.id for row in sender.sent[:5]]
    assert len(outbox.published) == 5


def test_a_shard_with_many_rows_does_not_keep_the_others_waiting(relay, outbox, sender):
    for _ in range(100):
        outbox.put(1, b"1")
    outbox.put(2, b"1")
    outbox.put(63, b"1")
    relay.turn()
    relay.turn()
    assert {row.user_id for row in sender.sent} == {1, 2, 63}
    drained(relay)
    assert len(sender.sent) == 102


def test_two_relays_send_each_row_once_when_both_know_of_each_other(relay, outbox, sender, clock):
    other = a_relay("b", outbox, sender, clock)
    for _ in range(3):
        relay.turn()
        other.turn()
        clock.passes(3)
    some_rows(outbox, 200, users=SHARDS)
    for _ in range(30):
        relay.turn()
        other.turn()
    assert sorted(row.id for row in sender.sent) == list(range(1, 201))
    assert relay.told.shards == other.told.shards == SHARDS // 2


def test_a_relay_that_lost_its_leases_unawares_only_repeats_in_order(relay, outbox, sender, clock):
    some_rows(outbox, 60)
    relay.turn()  # has them all, and now sleeps
    clock.passes(7)
    other = a_relay("b", outbox, sender, clock)
    other.turn()
    relay._due["lease"] = clock.now + 1  # wakes up in the middle of a turn: the leases were read already
    for _ in range(20):
        relay.turn()
        other.turn()
    assert all(numbers == sorted(numbers) for numbers in firsts(sender.sent).values())
    assert len(outbox.published) == 60


def test_old_rows_go_but_none_that_waits_and_none_that_is_young(relay, outbox, sender, clock):
    some_rows(outbox, 20, users=3)
    drained(relay)
    clock.passes(7 * DAY_MS / 1000 - 3_600)
    young = outbox.put(1, b"8", NOW_MS)
    drained(relay)
    clock.passes(7_200)
    sender.takes = 0
    waits = outbox.put(2, b"8", NOW_MS)
    for _ in range(2 * SHARDS):
        clock.passes(1.1)
        try:
            relay.turn()
        except Wait:
            continue
    assert outbox.rows.keys() == {young, waits}


def test_lag_and_age_are_told_also_while_kafka_is_away(relay, outbox, sender, clock):
    some_rows(outbox, 12)
    clock.passes(90)
    sender.takes = 0
    with pytest.raises(Wait):
        relay.turn()
    assert metrics.RELAY_LAG_ROWS._value.get() == 12
    assert metrics.RELAY_LAG_SECONDS._value.get() == 90
    drained(relay)
    clock.passes(5)
    relay.turn()
    assert (metrics.RELAY_LAG_ROWS._value.get(), metrics.RELAY_LAG_SECONDS._value.get()) == (0, 0)


def test_run_waits_for_what_is_away_goes_on_and_releases_at_the_end(relay, outbox, sender):
    stop = Stop(3)
    outbox.away = True
    some_rows(outbox, 5)
    relay.run(stop, poll_s=0.2)
    assert (relay.told.waits, sender.sent) == ("mysql", [])
    assert stop.waited == sorted(stop.waited)
    assert len(set(stop.waited)) == 3, "longer each time"
    assert not process.ready(relay)[0]
    outbox.away = False
    relay.run(stop := Stop(2), poll_s=0.2)
    assert len(outbox.published) == 5
    assert stop.waited == [0.2, 0.2]
    assert sender.closed
    assert all(lease.left_ms == 0 for lease in outbox.leases())


def test_ready_after_a_turn_and_not_when_turns_stop(relay, clock):
    assert not process.ready(relay)[0]
    assert process.alive(relay)[0]
    relay.run(Stop(1), poll_s=0.2)
    assert process.ready(relay) == (True, {"ready": True, "waits": "", "shards": SHARDS})
    assert process.alive(relay)[0]
    clock.passes(61)
    assert not process.ready(relay)[0]
    assert not process.alive(relay)[0]


class Stop(threading.Event):
    """Is set after so many waits, and does not wait."""

    def __init__(self, waits: int) -> None:
        super().__init__()
        self._left, self.waited = waits, list[float]()

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout or 0.0)
        self._left -= 1
        if not self._left:
            self.set()
        return self.is_set()
