"""A month of ClickHouse goes and comes back, from its archive and from the log: the same rows, the same blocks.

The store worker runs on; the events of the log come twice, late and out of order (tests.store_arena).
"""

from __future__ import annotations

import io
import json
import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from typer.testing import CliRunner

from infra.clickhouse.bulk import Bulk
from infra.clickhouse.client import connect
from infra.clickhouse.migrate import migrate
from infra.settings import Settings
from juliu.archive import export
from juliu.archive.manifest import NAME, problems, read
from juliu.commands import archive as command
from juliu.rebuild.gaps import gaps
from juliu.rebuild.month import Archived, rebuild
from juliu.rebuild.refused import Refused
from juliu.rebuild.tail import Tail
from tests.store_arena import Arena, until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]

ROWS = "SELECT partition, offset, cityHash64(*) FROM {table} ORDER BY partition, offset, 3"
CHAIN = "partition, first, last, records, rows, late, repeats, poison, next_limit"
FEWER = "rows of (events heartbeat|blocks )"  # a block at the month's edge may hold heartbeats alone: it goes with them
BLOCKS = f"SELECT {CHAIN} FROM blocks ORDER BY partition, first"


def said(_line: str) -> None:
    """Nobody listens."""


class Lost:
    """An arena with a store worker, an archive of its month, and more that came after it."""

    def __init__(self, arena: Arena, folder: Path) -> None:
        self.arena, self.folder = arena, folder
        arena.load(rate=600)
        arena.worker()
        for _ in range(4):
            arena.moved(200)
        self.month = int(arena.ask("SELECT max(toYYYYMM(received_at)) FROM events")[0][0])
        self.archived = self.archive()
        for _ in range(3):
            arena.moved(150)
        arena.drained()
        self.tables = self.all()

    def archive(self, fewer: bool = False) -> export.Archived:
        """The month, as it is now."""
        return export.archive(self.arena.settings, self.month, self.folder, fewer, said)

    def rebuild(self) -> Any:
        """`juliu rebuild clickhouse`."""
        return rebuild(self.arena.settings, self.month, self.folder, said)

    def all(self) -> list[Any]:
        """Every row of every table, the time of storing aside."""
        return [self.arena.ask(ROWS.format(table=table)) for table in ("events", "late_events")] + [
            self.arena.ask(BLOCKS)
        ]

    def lose(self, *tables: str) -> None:
        """The month goes; what the arena put before everything is of another one."""
        for table in tables:
            self.arena.ask(f"ALTER TABLE {table} DROP PARTITION {self.month}")

    def differs(self) -> str:
        """The first difference from what was there; all of it would be a hundred thousand lines."""
        pairs = [(Counter(now), Counter(was)) for now, was in zip(self.all(), self.tables, strict=True)]
        first = [(now, was, next(iter(now - was or was - now))) for now, was in pairs if now != was]
        return "; ".join(f"{now.total()} rows for {was.total()}; {row}" for now, was, row in first)


class Killed(Exception):
    """Nobody hears what became of the insert."""


class EndHeld(io.BytesIO):
    """A body that does not end before `end` is set."""

    def __init__(self, content: bytes, end: threading.Event) -> None:
        super().__init__(content)
        self._end = end

    def read(self, size: int | None = -1) -> bytes:
        """See BinaryIO."""
        piece = super().read(size)
        if not piece:
            assert self._end.wait(60)
        return piece


class UnderWay(Bulk):
    """Of a rebuild that is killed in its first insert: ClickHouse has begun with it, and ends when `end` is set."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.end = threading.Event()

    def outof(self, file: BinaryIO, sql: str, options: Mapping[str, str], coding: str = "") -> int:
        """See Bulk.  ClickHouse begins when it has read as much as a statement may be long: this one and no more."""
        begins = {"max_query_size": str(len(sql) + 50)}
        super().outof(EndHeld(file.read(), self.end), sql, {**options, **begins}, coding)
        raise Killed


def restored_until_killed(lost: Lost, bulk: UnderWay) -> None:
    """All of the archive, and of the log's first gap as much as comes before the rebuild is killed."""
    settings, folder = lost.arena.settings, lost.folder / str(lost.month)
    manifest = read(folder)
    assert manifest is not None
    with connect(settings) as client, Tail(settings, client, lost.month) as tail:
        archived = Archived(client, Bulk(settings), manifest, folder)
        assert sum(archived.restore(each) for each in manifest.slices) > 0
        tail._bulk, gap = bulk, gaps(client, manifest)[0]
        with pytest.raises(Killed):
            tail.restore(gap)


@pytest.fixture(scope="module")
def shared(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lost]:
    arena = Arena(stack)
    arena.begin()
    try:
        yield Lost(arena, tmp_path_factory.mktemp("archive"))
    finally:
        arena.close()


@pytest.fixture
def lost(shared: Lost) -> Iterator[Lost]:
    """Whole before each test, and after it."""
    yield shared
    if shared.differs():
        shared.rebuild()
        assert not shared.differs()


def test_there_was_something_to_lose(lost):
    events, late, blocks = lost.tables
    assert len(events) > lost.archived.events > 500
    assert len(late) > 0
    assert len(blocks) > lost.archived.blocks > 4
    assert {kind for (kind,) in lost.arena.ask("SELECT DISTINCT event_type FROM events")} >= {"heartbeat", "liked"}


def test_an_archive_is_what_it_says(lost):
    folder = lost.folder / str(lost.month)
    manifest = read(folder)
    assert manifest is not None
    assert problems(folder) == []
    assert manifest.rows("events") == lost.archived.events
    assert len(list(folder.glob("*.native.zst"))) == lost.archived.files


def test_rows_that_were_lost_come_back_from_the_archive_and_from_the_log(lost):
    lost.lose("events", "late_events")
    report = lost.rebuild()
    assert not lost.differs()
    assert report.lost == []
    assert report.from_archive["events"] == lost.archived.events
    assert report.from_archive["events"] + report.from_log["events"] == len(lost.tables[0])
    assert report.from_log["events"] > 0
    report = lost.rebuild()  # once more puts nothing in
    assert sum(report.from_archive.values()) + sum(report.from_log.values()) == 0
    assert not lost.differs()


def test_an_insert_of_a_killed_rebuild_that_lands_after_the_next_one_doubles_nothing(lost):
    lost.lose("events", "late_events")
    under_way = UnderWay(lost.arena.settings)
    running = "SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO events%' AND elapsed > 0.5"
    with ThreadPoolExecutor(1) as pool:
        killed = pool.submit(restored_until_killed, lost, under_way)
        try:
            until(lambda: lost.arena.ask(running)[0][0], "the insert is under way, and has seen what is there", 20)
            assert lost.rebuild().lost == []
            assert not lost.differs()
            assert lost.arena.ask(running)[0][0]
        finally:
            under_way.end.set()
        killed.result(60)
    assert not lost.differs()


def test_what_is_deleted_again_after_it_came_back_comes_back_again(lost):
    lost.lose("events", "late_events")
    for _ in range(4):  # each time one token more is known of these rows
        assert lost.rebuild().lost == []
        assert not lost.differs()
        lost.arena.ask("DELETE FROM events WHERE cityHash64(event_id) % 3 = 0")
        lost.arena.ask("DELETE FROM late_events WHERE offset % 2 = 0")


def test_some_of_the_rows_and_of_the_blocks(lost):
    lost.arena.ask("DELETE FROM events WHERE cityHash64(event_id) % 3 = 0")
    lost.arena.ask("DELETE FROM late_events WHERE offset % 2 = 0")
    lost.arena.ask("DELETE FROM blocks WHERE cityHash64(first) % 4 = 0 AND (partition, last) NOT IN"
                   " (SELECT partition, max(last) FROM blocks GROUP BY partition)")  # fmt: skip
    assert lost.differs()
    assert lost.rebuild().lost == []
    assert not lost.differs()


def test_all_of_clickhouse_comes_back_up_to_the_archive(lost):
    lost.lose("events", "late_events", "blocks")
    migrate(lost.arena.settings)
    report = lost.rebuild()
    events, late, blocks = lost.all()
    assert report.lost == []
    assert [row for row in lost.tables[2] if row[2] <= report.archived_to[row[0]]] == blocks
    assert [row for row in lost.tables[0] if row[1] <= report.archived_to[row[0]]] == events
    assert [row for row in lost.tables[1] if row[1] <= report.archived_to[row[0]]] == late
    # the rest is the store worker's, once `juliu rebuild redis` has put its windows where ClickHouse is; here by hand:
    whole = {tuple(row) for row in lost.tables[2]} - {tuple(row) for row in blocks}
    for p, first, last, records, rows, late_rows, repeats, poison, next_limit in whole:
        lost.arena.ask(
            f"INSERT INTO blocks ({CHAIN}) VALUES"
            f" ({p}, {first}, {last}, {records}, {rows}, {late_rows}, {repeats}, {poison}, {next_limit})"
        )


def test_an_archive_that_was_changed_is_refused(lost, tmp_path):
    shutil.copytree(lost.folder, tmp_path / "copy")
    one = max((tmp_path / "copy").rglob("*.native.zst"), key=lambda path: path.stat().st_size)
    content = bytearray(one.read_bytes())
    content[len(content) // 2] ^= 1
    one.write_bytes(content)
    with pytest.raises(Refused, match="sha256"):
        rebuild(lost.arena.settings, lost.month, tmp_path / "copy", said)
    ran = CliRunner().invoke(command.app, ["verify", str(tmp_path / "copy"), "--json"])
    assert ran.exit_code == 1
    assert one.name in json.loads(ran.output)["problems"][0]
    assert CliRunner().invoke(command.app, ["verify", str(lost.folder)]).exit_code == 0


def test_what_the_log_does_not_hold_any_more_is_said(lost, monkeypatch):
    lost.lose("events")
    monkeypatch.setattr("infra.log_reader.LogReader.bounds", lambda *_: (2**40, 2**41))
    report = lost.rebuild()
    assert report.from_archive["events"] == lost.archived.events
    assert report.lost
    assert all("neither in the archive nor in the log" in line for line in report.lost)


def test_a_month_that_went_does_not_replace_its_archive(lost, tmp_path):
    shutil.copytree(lost.folder, tmp_path / "copy")
    before = (tmp_path / "copy" / str(lost.month) / NAME).read_bytes()
    lost.arena.ask("DELETE FROM events WHERE event_type = 'heartbeat'")
    with pytest.raises(export.Refused, match=FEWER):
        export.archive(lost.arena.settings, lost.month, tmp_path / "copy", False, said)
    assert (tmp_path / "copy" / str(lost.month) / NAME).read_bytes() == before
    fewer = export.archive(lost.arena.settings, lost.month, tmp_path / "copy", True, said)
    assert fewer.events < len(lost.tables[0])  # all that there was by now, also what came after the archive


def test_after_a_migration_an_archive_that_stays_is_still_what_it_says(lost, tmp_path):
    export.archive(lost.arena.settings, lost.month, tmp_path, False, said)
    lost.arena.ask("ALTER TABLE events ADD COLUMN since Float32")
    try:
        lost.arena.ask("DELETE FROM events WHERE event_type = 'heartbeat'")
        with pytest.raises(export.Refused, match=FEWER):
            export.archive(lost.arena.settings, lost.month, tmp_path, False, said)
        assert problems(tmp_path / str(lost.month)) == []
    finally:
        lost.arena.ask("ALTER TABLE events DROP COLUMN since")


def test_a_month_of_which_there_is_nothing_is_refused(lost, tmp_path):
    with pytest.raises(export.Refused, match="nothing of this month"):
        export.archive(lost.arena.settings, 199_912, tmp_path, False, said)


def test_an_archive_is_written_once_and_then_only_what_is_new(lost):
    newer = lost.archive()
    assert newer.events == len(lost.tables[0])
    assert newer.written > 0
    again = lost.archive()
    assert (again.written, again.events, again.blocks) == (0, newer.events, newer.blocks)
    lost.lose("events", "late_events")
    report = lost.rebuild()
    assert sum(report.from_log.values()) == 0
    assert not lost.differs()
