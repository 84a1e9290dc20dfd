"""A catalogue file into MySQL."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from domain.catalogue import MAX_INDEX
from domain.catalogue_import import MAX_LINE_BYTES, read
from infra.catalogue import rows
from infra.catalogue.importing import BATCH, BadFile, import_file
from tests.breaking import Crash
from tests.catalogue import a_file, a_line, an_episode, raw
from tests.catalogue_rig import Rig

pytestmark = pytest.mark.servers


def counts(report: Any) -> tuple[int, int, int, int, int]:
    return report.rows, report.created, report.changed, report.unchanged, report.refused


def everything(rig: Rig) -> list[Any]:
    """All that is in the catalogue's tables."""
    tables = ("dramas", "episodes", "takedowns", "catalogue_counters")
    return [sorted(rig.rows(f"SELECT * FROM {table}")) for table in tables]


def indexes(rig: Rig) -> dict[int, int]:
    return dict(rig.rows("SELECT drama_id, dense_index FROM dramas"))


def test_dramas_are_stored_as_they_stand_and_numbered_in_the_order_of_the_file(rig: Rig):
    lines = [a_line(9), a_line(7, how_many=3), a_line(8, published=False)]
    assert counts(rig.imports(*lines)) == (3, 3, 0, 0, 0)
    assert indexes(rig) == {9: 1, 7: 2, 8: 3}
    with rig.engine.connect() as connection:
        stored = rows.stored(connection, [7, 8, 9])
    assert {drama_id: drama.line for drama_id, drama in stored.items()} == {
        line["drama_id"]: read(raw(line)) for line in lines
    }


@pytest.mark.parametrize("text", ["爱你一万年❤️‍🔥", "𠮷野家𡃁", "Ça 'va' \"?\" \\ % _ ;--", "ＡＢＣ ａｂｃ", "{}[]:"])
def test_any_text_comes_back_to_the_letter(rig: Rig, text: str):
    line = a_line(7, title=text, category=text, tags=[text], cast=[text], region=text[:8].strip(), series=text)
    rig.imports(line)
    with rig.engine.connect() as connection:
        assert rows.stored(connection, [7])[7].line == read(raw(line))
    assert counts(rig.imports(line)) == (1, 0, 0, 1, 0)


def test_importing_a_file_twice_changes_nothing(rig: Rig):
    lines = [a_line(n) for n in range(1, BATCH + 20)]
    rig.imports(*lines)
    before = everything(rig)
    assert counts(rig.imports(*lines)) == (len(lines), 0, 0, len(lines), 0)
    assert everything(rig) == before


def test_a_dry_run_says_the_same_and_writes_nothing(rig: Rig):
    rig.imports(a_line(1), a_line(2))
    before = everything(rig)
    lines = [a_line(1, title="new title"), a_line(2), *(a_line(n) for n in range(3, BATCH + 20)), b"bad"]
    said = rig.imports(*lines, dry_run=True)
    assert everything(rig) == before
    done = rig.imports(*lines)
    assert (counts(said), said.refusals) == (counts(done), done.refusals)
    assert counts(done) == (BATCH + 20, BATCH + 17, 1, 1, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"title": "another"},
        {"tags": ["甜宠"]},
        {"cast": ["李四", "张三"]},
        {"published": False},
        {"series": "another"},
        {"series": ...},
        {"price_coins": 81},
        {"episodes": [an_episode(1)]},
        {"episodes": [an_episode(1), an_episode(2), an_episode(3)]},
        {"episodes": [an_episode(1), an_episode(2, duration_ms=70_000)]},
        {"episodes": [an_episode(1), an_episode(2, media_path="elsewhere.m3u8")]},
        {"episodes": [an_episode(1), an_episode(2, media_path="DRAMAS/7/2/master.m3u8")]},
    ],
)
def test_whatever_differs_is_a_change_and_the_index_stays(rig: Rig, change: dict[str, Any]):
    rig.imports(a_line(6), a_line(7))
    changed = a_line(7, **change)
    assert counts(rig.imports(changed)) == (1, 0, 1, 0, 0)
    assert indexes(rig) == {6: 1, 7: 2}
    with rig.engine.connect() as connection:
        assert rows.stored(connection, [7])[7].line == read(raw(changed))


def test_bad_rows_are_refused_with_their_line_number_and_the_others_imported(rig: Rig):
    report = rig.imports(b"\xef\xbb\xbf" + raw(a_line(1)), b"", b"{", a_line(2, price_coins=-1), b"  ", a_line(3))
    assert counts(report) == (4, 2, 0, 0, 2)
    assert [(refusal.row, refusal.drama_id) for refusal in report.refusals] == [(3, None), (4, 2)]
    assert "price_coins" in report.refusals[1].reasons[0]
    assert set(indexes(rig)) == {1, 3}


def test_a_drama_given_twice_counts_as_it_was_given_first(rig: Rig):
    report = rig.imports(a_line(7, title="first"), a_line(7, title="second"))
    assert counts(report) == (2, 1, 0, 0, 1)
    assert report.refusals[0].reasons == ["drama_id: was in row 1 already"]
    assert rig.rows("SELECT title FROM dramas") == [("first",)]


@pytest.mark.parametrize("length", [MAX_LINE_BYTES + 1, MAX_LINE_BYTES + 2, 3 * MAX_LINE_BYTES + 7])
def test_a_line_without_end_costs_one_row(rig: Rig, length: int):
    report = rig.imports(a_line(1), b"x" * length, a_line(2))
    assert counts(report) == (3, 2, 0, 0, 1)
    assert report.refusals[0].row == 2
    assert "longer than" in report.refusals[0].reasons[0]


def test_a_last_line_without_its_end_is_a_line(rig: Rig):
    path = rig.folder / "open.jsonl"
    path.write_bytes(raw(a_line(1)) + b"\r\n" + raw(a_line(2)))
    assert counts(import_file(rig.engine, path)) == (2, 2, 0, 0, 0)


def test_a_file_that_is_none_is_told_apart(rig: Rig, tmp_path: Path):
    empty = a_file(tmp_path / "empty.jsonl", b"", b"  ")
    for path in (tmp_path / "missing", tmp_path, empty):
        with pytest.raises(BadFile):
            import_file(rig.engine, path)


def test_an_index_is_never_given_twice_even_if_its_drama_is_gone(rig: Rig):
    rig.imports(a_line(1), a_line(2))
    rig.rows("DELETE FROM episodes WHERE drama_id = 2")
    rig.rows("DELETE FROM dramas WHERE drama_id = 2")
    rig.imports(a_line(3), a_line(2))
    assert indexes(rig) == {1: 1, 3: 3, 2: 4}


def test_imports_at_the_same_time_give_each_drama_one_index_of_its_own(rig: Rig):
    shared = [a_line(n) for n in range(1, 31)]
    files = [
        a_file(rig.folder / f"{nth}.jsonl", *shared, *(a_line(1_000 * nth + n) for n in range(BATCH)))
        for nth in range(1, 5)
    ]
    start = threading.Barrier(len(files))

    def run(path: Path) -> Any:
        start.wait(10)
        return import_file(rig.engine, path)

    with ThreadPoolExecutor(len(files)) as pool:
        reports = list(pool.map(run, files))
    given = indexes(rig)
    assert sorted(given.values()) == list(range(1, len(given) + 1))
    assert len(given) == 30 + 4 * BATCH
    assert sum(report.created for report in reports) == len(given)
    assert sum(report.refused + report.changed for report in reports) == 0


def test_a_full_catalogue_refuses_new_dramas_and_still_takes_changes(rig: Rig):
    rig.imports(a_line(1))
    rig.rows("UPDATE catalogue_counters SET value = :last WHERE name = 'index'", last=MAX_INDEX - 1)
    lines = (a_line(1, title="changed"), a_line(2), a_line(3))
    for report in (rig.imports(*lines, dry_run=True), rig.imports(*lines)):
        assert counts(report) == (3, 1, 1, 0, 1)
        assert (report.refusals[0].row, report.refusals[0].drama_id) == (3, 3)
        assert "full" in report.refusals[0].reasons[0]
    assert indexes(rig) == {1: 1, 2: MAX_INDEX}


def test_a_batch_that_breaks_off_leaves_nothing_of_itself(rig: Rig):
    rig.imports(a_line(1))
    before = everything(rig)

    @sa.event.listens_for(rig.engine, "before_cursor_execute")
    def die(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("INSERT INTO episodes"):
            raise Crash

    with pytest.raises(Crash):
        rig.imports(a_line(1, title="changed"), a_line(2))
    sa.event.remove(rig.engine, "before_cursor_execute", die)
    assert everything(rig) == before
    assert counts(rig.imports(a_line(1, title="changed"), a_line(2))) == (2, 1, 1, 0, 0)
    assert indexes(rig) == {1: 1, 2: 2}
