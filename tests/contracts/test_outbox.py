"""What every Outbox promises the relay: the twin, and MySQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from infra.fold_store import Wait
from infra.money.tables import SHARDS
from infra.mysql.engine import engine_of
from infra.settings import Settings
from streams.relay.mysql_outbox import MySqlOutbox, NotMigrated
from streams.relay.outbox import Backlog, Outbox
from tests import outbox as by_hand
from tests.memory_outbox import MemoryOutbox

LIFE_MS = 60_000
NOW_MS = by_hand.NOW_MS


class Box(NamedTuple):
    """An empty outbox, and how to put a row of a viewer into it (seq, created_ms) -> id."""

    outbox: Outbox
    put: Callable[[int, int, int], int]


@pytest.fixture(params=["memory", pytest.param("mysql", marks=pytest.mark.servers)])
def box(request: pytest.FixtureRequest) -> Iterator[Box]:
    if request.param == "memory":
        memory = MemoryOutbox()
        yield Box(memory, lambda user_id, seq, ms: memory.put(user_id, b"%d" % seq, ms))
        return
    engine = engine_of(request.getfixturevalue("stack"), pool=1)
    by_hand.emptied(engine)
    yield Box(MySqlOutbox(engine), lambda *row: _put(engine, *row))
    by_hand.emptied(engine)
    engine.dispose()


def _put(engine: sa.Engine, user_id: int, seq: int, created_ms: int) -> int:
    values = {"user_id": user_id, "seq": seq, "value": b"%d" % seq, "ms": created_ms}
    with engine.begin() as connection:
        return int(connection.execute(by_hand.PUT, values).lastrowid)


def owners(outbox: Outbox) -> dict[int, str]:
    return {lease.shard: lease.owner for lease in outbox.leases() if lease.left_ms > 0}


def test_there_is_a_lease_a_shard_and_nobody_has_one(box):
    assert [lease.shard for lease in box.outbox.leases()] == list(range(SHARDS))
    assert owners(box.outbox) == {}


def test_what_is_taken_has_an_owner_for_a_while_and_another_epoch(box):
    seen = box.outbox.leases()
    box.outbox.take("a", seen[:3], LIFE_MS)
    assert owners(box.outbox) == {0: "a", 1: "a", 2: "a"}
    now = box.outbox.leases()
    assert [lease.epoch - before.epoch for lease, before in zip(now, seen, strict=True)] == 3 * [1] + (SHARDS - 3) * [0]
    assert LIFE_MS // 2 < now[0].left_ms <= LIFE_MS


def test_of_two_who_saw_the_same_lease_the_first_has_it(box):
    seen = box.outbox.leases()[:1]
    box.outbox.take("a", seen, LIFE_MS)
    box.outbox.take("b", seen, LIFE_MS)
    assert owners(box.outbox) == {0: "a"}
    box.outbox.take("b", box.outbox.leases()[:1], LIFE_MS)
    assert owners(box.outbox) == {0: "b"}


def test_what_ran_out_is_nobodys_until_its_owner_renews_it(box):
    box.outbox.take("a", box.outbox.leases()[:2], 0)
    box.outbox.take("b", box.outbox.leases()[2:3], 0)
    assert owners(box.outbox) == {}
    box.outbox.renew("a", LIFE_MS)
    assert owners(box.outbox) == {0: "a", 1: "a"}
    box.outbox.release("a")
    assert owners(box.outbox) == {}


def test_rows_wait_in_the_order_of_their_shard_and_making(box):
    for user_id, seq in ((2, 1), (1, 1), (1, 2), (65, 1), (2, 2), (3, 1)):
        box.put(user_id, seq, NOW_MS)
    rows = box.outbox.waiting([1, 2], 100)
    assert [(row.shard, row.user_id, row.value) for row in rows] == [
        (1, 1, b"1"), (1, 1, b"2"), (1, 65, b"1"), (2, 2, b"1"), (2, 2, b"2"),
    ]  # fmt: skip
    assert box.outbox.waiting([1, 2], 2) == rows[:2]
    assert box.outbox.waiting([9], 2) == []


def test_marked_rows_wait_no_more_and_a_second_mark_changes_nothing(box):
    first, second = box.put(1, 1, NOW_MS), box.put(1, 2, NOW_MS)
    box.outbox.mark([first], NOW_MS + 10)
    box.outbox.mark([first], NOW_MS + 99_000)
    assert [row.id for row in box.outbox.waiting([1], 9)] == [second]
    assert box.outbox.prune(1, NOW_MS + 11, 9) == 1
    box.outbox.mark([], NOW_MS)


def test_prune_takes_a_bounded_number_of_old_marked_rows_of_one_shard(box):
    ids = [box.put(1, seq, NOW_MS) for seq in range(1, 7)]
    other = box.put(2, 1, NOW_MS)
    box.outbox.mark([*ids[:4], other], NOW_MS)
    box.outbox.mark(ids[4:5], NOW_MS + 500)
    assert [box.outbox.prune(1, NOW_MS + 1, 3) for _ in range(3)] == [3, 1, 0]
    assert [row.id for row in box.outbox.waiting([1], 9)] == ids[5:]
    assert box.outbox.prune(2, NOW_MS + 1, 3) == 1
    assert box.outbox.prune(1, NOW_MS + 501, 3) == 1


def test_the_backlog_is_how_many_wait_and_since_when(box):
    assert box.outbox.backlog(range(SHARDS)) == box.outbox.backlog([]) == Backlog(0, None)
    for user_id, created_ms in ((1, NOW_MS + 5), (2, NOW_MS + 3), (3, NOW_MS)):
        box.put(user_id, 1, created_ms)
    assert box.outbox.backlog([1, 2]) == Backlog(2, NOW_MS + 3)
    assert box.outbox.backlog(range(SHARDS)) == Backlog(3, NOW_MS)


@pytest.mark.servers
def test_a_server_that_does_not_answer_is_waited_for(stack: Settings):
    engine = engine_of(stack.model_copy(update={"mysql_url": type(stack.mysql_url)("mysql+pymysql://x@127.0.0.1:1/x")}))
    for ask in asking(MySqlOutbox(engine)):
        with pytest.raises(Wait, match="mysql"):
            ask()


@pytest.mark.servers
def test_a_server_without_tables_is_no_reason_to_wait(fresh: Settings):
    engine = engine_of(fresh)
    for ask in asking(MySqlOutbox(engine)):
        with pytest.raises(NotMigrated, match="juliu migrate"):
            ask()
    engine.dispose()


def asking(outbox: Outbox) -> list[Callable[[], Any]]:
    return [
        outbox.leases,
        lambda: outbox.renew("a", 1),
        lambda: outbox.waiting([1], 1),
        lambda: outbox.prune(1, 1, 1),
        lambda: outbox.backlog([1]),
    ]
