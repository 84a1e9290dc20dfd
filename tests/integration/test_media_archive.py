"""What became of media jobs in a month goes into the archive and comes back from it: each row once, copies or not."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import msgspec
import pytest

from domain.media.orders import AT_TERMINAL, Ordered, What
from domain.media.prices import Prices
from infra.clickhouse.client import connect
from infra.clickhouse.http import Http
from infra.clickhouse.media_rows import ClickHouseMediaRows, MediaRow, OrderRow
from infra.clickhouse.migrate import migrate
from infra.media.orders import ordered
from infra.settings import Settings
from juliu.archive import export
from juliu.archive.manifest import problems
from juliu.rebuild.month import Report, rebuild
from tests.media_records import AT_MS, a_record

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]
MONTH = 202611
JOBS = 30
ALL = "SELECT *, cityHash64(*) FROM {table} FINAL ORDER BY record_id"


class Books:
    """The two tables with JOBS rows each, some twice, and an archive beside."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings, self.folder = settings, folder
        migrate(settings)

    async def put(self, jobs: range, first_offset: int) -> None:
        """An end of a step and an order for each."""
        http = Http(self.settings)
        table = ClickHouseMediaRows(http, Prices())
        steps = [MediaRow(first_offset + 2 * no, a_record(job_id=no)) for no in jobs]
        await table.insert_orders([OrderRow(first_offset + 2 * no + 1, an_order(no)) for no in jobs])
        await table.insert(steps)
        await http.close()

    def archive(self, *, fewer: bool = False) -> export.Archived:
        return export.archive(self.settings, MONTH, self.folder, fewer, lambda _: None)

    def rebuild(self) -> Report:
        return rebuild(self.settings, MONTH, self.folder, lambda _: None)

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        with connect(self.settings) as client:
            return [tuple(row) for row in client.query(sql).result_rows]

    def all(self) -> list[list[tuple[object, ...]]]:
        return [self.ask(ALL.format(table=table)) for table in ("media_steps", "media_orders")]

    def lose(self, where: str = "1") -> None:
        for table in ("media_steps", "media_orders"):
            self.ask(f"ALTER TABLE {table} DELETE WHERE {where} SETTINGS mutations_sync = 1")


def an_order(number: int) -> Ordered:
    """The same for the same number."""
    order = ordered(AT_TERMINAL, What.SUBMIT, AT_MS + number, 7, episode_no=3, job_id=number)
    return msgspec.structs.replace(order, record_id=f"order-{number}")


@pytest.fixture
def books(fresh: Settings, tmp_path: Path) -> Books:
    return Books(fresh, tmp_path)


async def test_rows_that_were_lost_come_back_as_they_were(books):
    await books.put(range(1, JOBS + 1), 0)
    await books.put(range(1, 5), 0)  # copies, which are not merged yet
    before = books.all()
    assert export.months_there(books.settings, books.folder) == [MONTH]
    done = books.archive()
    assert (done.media_steps, done.media_orders, done.events, done.files, done.written) == (JOBS, JOBS, 0, 2, 2)
    assert problems(books.folder / str(MONTH)) == []
    assert books.archive().written == 0
    for where in ("1", "job_id % 3 = 0"):
        books.lose(where)
        assert books.all() != before
        report = books.rebuild()
        lost = JOBS if where == "1" else JOBS // 3
        assert (report.from_archive["media_steps"], report.from_archive["media_orders"]) == (lost, lost)
        assert books.all() == before
    assert sum(books.rebuild().from_archive.values()) == 0


async def test_what_came_after_the_archive_stays_and_fewer_are_refused(books):
    await books.put(range(1, JOBS + 1), 0)
    books.archive()
    await books.put(range(JOBS + 1, JOBS + 4), 0)
    whole = books.all()
    books.lose("job_id < 6")
    with pytest.raises(export.Refused, match="media_steps"):
        books.archive()
    assert books.rebuild().from_archive["media_steps"] == 5
    assert books.all() == whole
    assert books.archive().media_steps == JOBS + 3
    books.lose("job_id < 10")
    assert books.archive(fewer=True).media_steps == JOBS - 6


async def test_a_month_that_fades_is_archived_once_and_does_not_stop_the_newer_ones(books):
    await books.put(range(1, 4), 0)
    for table in ("media_steps", "media_orders"):  # so old that rows of events are gone by TTL
        old = "at - INTERVAL 40 YEAR AS at, 'old-' || record_id AS record_id"
        books.ask(f"INSERT INTO {table} SELECT * REPLACE ({old}) FROM {table}")
    faded, there = MONTH - 4_000, partial(export.months_there, books.settings)
    assert there(books.folder) == [faded, MONTH]
    export.archive(books.settings, faded, books.folder, False, lambda _: None)
    assert faded not in there(books.folder)
    assert there(books.folder / "another") == [faded, MONTH]
