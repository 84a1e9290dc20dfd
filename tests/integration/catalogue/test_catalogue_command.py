"""`juliu catalogue` as people and programs use it."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.catalogue import a_file, a_line
from tests.catalogue_rig import Juliu, Rig

pytestmark = pytest.mark.servers


def test_it_imports_publishes_and_says_so(rig: Rig, juliu: Juliu):
    file = a_file(rig.folder / "c.jsonl", a_line(1), a_line(2))
    done = juliu("import", str(file))
    assert done.exit_code == 0
    assert "Published all 2 dramas" in done.stdout
    again = juliu("import", str(file))
    assert again.exit_code == 0
    assert "Nothing new to publish" in again.stdout
    assert rig.read().count == 2


def test_refused_rows_end_in_1_and_the_others_are_there(rig: Rig, juliu: Juliu):
    file = a_file(rig.folder / "c.jsonl", a_line(1), a_line(2, title="[red]x[/]", price_coins=-1), b"{")
    done = juliu("import", str(file))
    assert done.exit_code == 1
    assert "price_coins" in done.stdout
    assert [drama.drama_id for drama in rig.read()] == [1]


def test_json_is_one_object_with_the_whole_report(rig: Rig, juliu: Juliu):
    file = a_file(rig.folder / "c.jsonl", a_line(1), a_line(2, price_coins=-1))
    said = json.loads(juliu("import", str(file), "--json").stdout)
    assert {name: said[name] for name in ("dry_run", "rows", "created", "changed", "unchanged", "refused")} == {
        "dry_run": False, "rows": 2, "created": 1, "changed": 0, "unchanged": 0, "refused": 1,
    }  # fmt: skip
    assert said["refusals"] == [
        {"row": 2, "drama_id": 2, "reasons": ["Expected `int` >= 0 - at `$.price_coins`"]},
    ]
    assert said["published"]["what"] == "base"


def test_a_dry_run_publishes_nothing(rig: Rig, juliu: Juliu):
    done = juliu("import", str(a_file(rig.folder / "c.jsonl", a_line(1))), "--dry-run", "--json")
    assert (json.loads(done.stdout)["created"], json.loads(done.stdout)["published"]) == (1, None)
    assert rig.shelf.version() is None


def test_a_file_that_cannot_be_read_ends_in_2(rig: Rig, juliu: Juliu):
    locked = a_file(rig.folder / "locked.jsonl", a_line(1))
    locked.chmod(0)
    files: list[Path] = [rig.folder / "missing", rig.folder, a_file(rig.folder / "empty.jsonl")]
    if not stat.S_IMODE(locked.stat().st_mode) and not can_read(locked):
        files.append(locked)  # root reads everything
    for file in files:
        done = juliu("import", str(file))
        assert done.exit_code == 2
        assert str(file) in done.stderr
    assert rig.shelf.version() is None


def can_read(path: Path) -> bool:
    try:
        path.read_bytes()
    except PermissionError:
        return False
    return True


def test_takedown_and_its_undo(rig: Rig, juliu: Juliu):
    rig.publishes(a_line(1))
    assert juliu("takedown", "1").exit_code == 0
    assert not rig.read().shown(1)
    assert "it was so already" in juliu("takedown", "1").stdout
    assert juliu("takedown", "1", "--undo").exit_code == 0
    assert rig.read().shown(1)
    unknown = juliu("takedown", "404")
    assert (unknown.exit_code, unknown.stderr.strip()) == (1, "there is no drama 404")


def test_publish_brings_redis_up_again(rig: Rig, juliu: Juliu):
    rig.publishes(a_line(1))
    rig.redis.flushdb()
    assert json.loads(juliu("publish", "--json").stdout)["what"] == "base"
    assert json.loads(juliu("publish", "--json").stdout)["what"] == "nothing"
    assert json.loads(juliu("publish", "--json", "--afresh").stdout)["what"] == "base"
    assert rig.read().count == 1


@pytest.mark.parametrize(
    ("away", "word"),
    [
        ({"JULIU_REDIS_URL": "redis://127.0.0.1:1/0"}, "juliu catalogue publish"),
        ({"JULIU_MYSQL_URL": "mysql+pymysql://juliu:secret-word@127.0.0.1:1/juliu"}, "MySQL"),
    ],
    ids=["redis", "mysql"],
)
def test_a_server_that_is_away_ends_in_3_with_one_line(rig: Rig, juliu: Juliu, away: dict[str, Any], word: str):
    done = juliu("import", str(a_file(rig.folder / "c.jsonl", a_line(1))), **away)
    assert done.exit_code == 3
    assert word in done.stderr
    assert "secret-word" not in done.output
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_missing_table_names_the_command_that_makes_it(rig: Rig, juliu: Juliu):
    rig.rows("DROP TABLE episodes")
    done = juliu("import", str(a_file(rig.folder / "c.jsonl", a_line(1))))
    assert done.exit_code == 3
    assert "juliu migrate" in done.stderr
