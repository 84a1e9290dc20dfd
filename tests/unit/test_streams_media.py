"""juliu.media into its table: nothing lost, poison set aside, and one that stands still when the code is wrong."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from domain.media import orders
from domain.media.orders import AT_TERMINAL, What
from domain.media.record import encode
from domain.topics import DEAD, MEDIA
from infra import metrics
from infra.clickhouse.media_rows import MOST, NONE, Last, Mark, MediaRow, OrderRow
from infra.fold_store import Wait
from infra.log_reader import Bounds, Entry
from infra.media.orders import ordered
from streams.log_writer import Letter
from streams.media import Media, TooMuchPoison
from tests.media_records import a_record


class Log:
    """MediaLog in memory; what is before `begin` is gone."""

    def __init__(self, *values: bytes) -> None:
        self.values, self.begin = list(values), 0

    def bounds(self) -> Bounds:
        return Bounds(self.begin, len(self.values))

    def page(self, begin: int, end: int) -> Sequence[Entry]:
        last = min(end, begin + MOST)
        return [Entry(at, b"7", self.values[at], 0) for at in range(begin, last)]


class Rows:
    """MediaRows in memory: a row is its record's id; an insert may land and yet not be answered."""

    def __init__(self) -> None:
        self.held: dict[str, MediaRow] = {}
        self.orders: dict[str, OrderRow] = {}
        self.inserts = 0
        self.lose_answers, self.refuse, self.refuse_orders = 0, 0, 0

    async def last(self) -> Last:
        offset = max((row.offset for row in self.held.values()), default=NONE.offset)
        there = [row.record for row in self.held.values() if row.offset == offset]
        return Last(offset, frozenset(Mark(one.record_id, one.at_ms) for one in there))

    async def last_order(self) -> int:
        return max((row.offset for row in self.orders.values()), default=-1)

    async def insert_orders(self, rows: Sequence[OrderRow]) -> None:
        if self.refuse_orders:
            self.refuse_orders -= 1
            raise Wait("clickhouse", "away")
        self.orders |= {row.order.record_id: row for row in rows}

    async def insert(self, rows: Sequence[MediaRow]) -> None:
        if self.refuse:
            self.refuse -= 1
            raise Wait("clickhouse", "away")
        self.inserts += 1
        self.held |= {row.record.record_id: row for row in rows}
        if self.lose_answers:
            self.lose_answers -= 1
            raise Wait("clickhouse", "no answer")


class Letters:
    """streams.dead.Letters: keeps them; `away` refuses so many times."""

    def __init__(self) -> None:
        self.written: list[Letter] = []
        self.away = 0

    async def write(self, letters: Sequence[Letter]) -> None:
        if self.away:
            self.away -= 1
            raise Wait("kafka", "away")
        self.written += letters


def a_log(n: int) -> Log:
    return Log(*(encode(a_record(token=token)) for token in range(1, n + 1)))


def media(log: Log, rows: Rows, letters: Letters | None = None) -> Media:
    return Media(log, rows, letters or Letters(), "code", wall=lambda: 123.0)


async def all_of(one: Media) -> None:
    """Turn until nothing waits; a server that is away is asked again."""
    for _ in range(50):
        try:
            if not await one.turn():
                return
        except Wait:
            one._next = None
    raise AssertionError("it never ends")


async def test_every_record_becomes_a_row_also_where_there_are_pages_of_them():
    log, rows = a_log(2 * MOST + 5), Rows()
    await all_of(media(log, rows))
    assert len(rows.held) == 2 * MOST + 5
    assert rows.inserts == 3
    assert metrics.MEDIA_ROWS_AT._value.get() == 123.0


async def test_who_begins_anew_goes_on_where_the_table_ends():
    log, rows = a_log(5), Rows()
    await all_of(media(log, rows))
    log.values += a_log(8).values[5:]
    await all_of(media(log, rows))
    assert len(rows.held) == 8
    assert rows.inserts == 2


async def test_an_answer_that_is_lost_makes_nothing_twice_and_loses_nothing():
    log, rows = a_log(5), Rows()
    rows.lose_answers, rows.refuse = 1, 2
    await all_of(media(log, rows))
    assert len(rows.held) == 5


def an_order(what: What = What.CANCEL) -> bytes:
    return orders.encode(ordered(AT_TERMINAL, what, 1_795_000_000_000, 7))


async def test_an_order_goes_into_a_table_of_its_own():
    log, rows = Log(an_order(), encode(a_record(token=1)), an_order(), encode(a_record(token=2))), Rows()
    await all_of(media(log, rows))
    assert sorted(row.offset for row in rows.orders.values()) == [0, 2]
    assert sorted(row.offset for row in rows.held.values()) == [1, 3]


@pytest.mark.parametrize("behind", [0, 3])
async def test_no_order_is_lost_where_only_one_of_the_two_tables_took_its_page(behind: int):
    """Where reading goes on is told by the steps: orders of their page have to be there before."""
    log, rows = Log(an_order(), encode(a_record(token=1)), an_order(), *[an_order() for _ in range(behind)]), Rows()
    rows.refuse = rows.refuse_orders = 1
    for _ in range(2):  # each of the two tables takes nothing, once
        with pytest.raises(Wait):
            await media(log, rows).turn()
    await all_of(media(log, rows))
    await all_of(media(log, rows))  # begun anew: those behind the last step come again
    assert (len(rows.orders), len(rows.held)) == (2 + behind, 1)


@pytest.mark.parametrize(("gone", "alarms"), [(3, 0), (4, 0), (5, 1)])
async def test_a_month_of_nothing_but_orders_is_no_loss(gone: int, alarms: int):
    """Where reading goes on is told by the steps, and the log has no longer what is behind the last of them."""
    log, rows = Log(an_order(), encode(a_record(token=1)), an_order(), an_order()), Rows()
    await all_of(media(log, rows))
    log.values += [an_order(), an_order()]
    log.begin = gone
    with capture_logs() as told:
        await all_of(media(log, rows))
    assert [one["log_level"] for one in told].count("error") == alarms
    assert len(rows.orders) == 5 - alarms


async def test_an_order_that_cannot_be_so_is_poison():
    log, rows, letters = Log(b'{"what": "unheard"}', an_order()), Rows(), Letters()
    await all_of(media(log, rows, letters))
    assert (len(letters.written), len(rows.orders)) == (1, 1)


async def test_poison_is_set_aside_before_what_is_behind_it_is_stored():
    log, rows, letters = Log(b"{", encode(a_record(token=1)), b"null", encode(a_record(token=2))), Rows(), Letters()
    letters.away = 1
    with pytest.raises(Wait):
        await media(log, rows, letters).turn()
    assert rows.held == {}
    await all_of(media(log, rows, letters))
    assert len(rows.held) == 2
    headers = [dict(letter.headers) for letter in letters.written]
    assert [(h["topic"], h["group"], h["offset"]) for h in headers] == [
        (MEDIA.name.encode(), b"media", b"0"),
        (MEDIA.name.encode(), b"media", b"2"),
    ]
    assert [(letter.topic, letter.value) for letter in letters.written] == [(DEAD.name, b"{"), (DEAD.name, b"null")]


async def test_code_that_can_read_nothing_sets_nothing_aside():
    log, rows, letters = Log(*[b"{"] * 150), Rows(), Letters()
    with pytest.raises(TooMuchPoison, match="150 of 150"):
        await media(log, rows, letters).turn()
    assert (rows.held, letters.written) == ({}, [])


async def test_a_log_that_was_made_anew_is_read_from_its_begin():
    rows = Rows()
    await all_of(media(a_log(9), rows))
    await all_of(media(Log(encode(a_record(job_id=2))), rows))
    assert "2:store:1" in rows.held


def another_log(n: int) -> Log:
    """Of other jobs."""
    return Log(*(encode(a_record(job_id=2, token=token)) for token in range(1, n + 1)))


@pytest.mark.parametrize("n", [4, 9, 10, 30, 2 * MOST])
async def test_one_that_was_made_anew_and_has_grown_since_is_read_from_its_begin_too(n):
    rows = Rows()
    await all_of(media(a_log(9), rows))
    await all_of(media(another_log(n), rows))
    assert len(rows.held) == 9 + n


async def test_it_is_read_once_and_then_gone_on_with():
    rows, log = Rows(), another_log(30)
    await all_of(media(a_log(9), rows))
    await all_of(media(log, rows))
    before = rows.inserts
    log.values += another_log(31).values[30:]
    await all_of(media(log, rows))
    assert (rows.inserts, len(rows.held)) == (before + 1, 9 + 31)
    assert rows.held["2:store:31"].offset == 30


async def test_who_was_killed_while_it_read_anew_begins_anew():
    rows, log = Rows(), another_log(2 * MOST)
    await all_of(media(a_log(MOST + 500), rows))
    assert await media(log, rows).turn()  # a page, and then it dies
    await all_of(media(log, rows))
    assert len(rows.held) == MOST + 500 + 2 * MOST


async def test_the_same_names_at_another_time_are_another_log():
    rows = Rows()
    await all_of(media(a_log(9), rows))
    later = Log(*(encode(a_record(token=token, at_ms=a_record().at_ms + 5)) for token in range(1, 12)))
    await all_of(media(later, rows))
    assert len(rows.held) == 11
    assert all(row.record.at_ms == a_record().at_ms + 5 for row in rows.held.values())


async def test_poison_at_the_last_place_is_another_log_too():
    rows, letters = Rows(), Letters()
    await all_of(media(a_log(9), rows))
    log = another_log(12)
    log.values[8] = b"{"
    await all_of(media(log, rows, letters))
    assert len(rows.held) == 9 + 11
    assert len(letters.written) == 1


async def test_a_log_whose_begin_is_gone_is_read_from_what_is_left():
    log, rows = a_log(9), Rows()
    log.begin = 4
    await all_of(media(log, rows))
    assert len(rows.held) == 5


class Held:
    """Of streams.group.Group what the task asks; the second look ends the task."""

    def __init__(self, *held: frozenset[int]) -> None:
        self._held = iter(held)

    @property
    def held(self) -> frozenset[int]:
        try:
            return next(self._held)
        except StopIteration:
            raise KeyboardInterrupt from None


async def test_it_reads_only_where_partition_0_is_held(monkeypatch):
    monkeypatch.setattr("streams.media.EVERY_S", 0)
    log, rows = a_log(3), Rows()
    with pytest.raises(KeyboardInterrupt):
        await media(log, rows).run(Held(frozenset({1, 2}), frozenset()))  # type: ignore[arg-type]
    assert rows.held == {}
    with pytest.raises(KeyboardInterrupt):
        await media(log, rows).run(Held(frozenset({0})))  # type: ignore[arg-type]
    assert len(rows.held) == 3


async def test_a_server_that_is_away_does_not_end_the_task(monkeypatch):
    monkeypatch.setattr("streams.media.EVERY_S", 0)
    log, rows = a_log(3), Rows()
    rows.refuse = 1
    with pytest.raises(KeyboardInterrupt):
        await media(log, rows).run(Held(*[frozenset({0})] * 2))  # type: ignore[arg-type]
    assert len(rows.held) == 3
