"""`juliu media tidy` as it is typed: what would go and why, what went, and once more nothing."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.media.folder import Folder
from infra.settings import Settings
from juliu.cli import app_for
from tests.tidy_scene import DRAMA, FIRST, SECOND, Scene, source

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]
DAYS_S = 9 * 86_400


@pytest.fixture
def scene(fresh: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """Two jobs that were done nine days ago, their files in a folder."""
    monkeypatch.setenv("JULIU_MYSQL_URL", fresh.mysql_url.get_secret_value())
    monkeypatch.setenv("JULIU_MEDIA_ROOT", str(tmp_path / "store"))
    one = Scene(fresh, tmp_path)
    one.clock.now_ms = int((time.time() - DAYS_S) * 1_000)
    one.done(FIRST)
    one.done(SECOND)
    _into_a_folder(one, tmp_path / "store")
    yield one
    one.close()


def _into_a_folder(scene: Scene, root: Path) -> None:
    folder, then_s = Folder(root), time.time() - DAYS_S
    for key, body in scene.storage.files.items():
        with folder.writing(key) as file:
            file.write(body)
        os.utime(folder.path(key), (then_s, then_s))
    cut = root / ".partial" / "0123456789abcdef"
    cut.write_bytes(b"begun")
    os.utime(cut, (then_s, then_s))


def typed(*words: str) -> Any:
    """`juliu media tidy ...`."""
    found = CliRunner().invoke(app_for("media"), ["media", "tidy", *words])
    assert found.exit_code == 0, found.output
    return json.loads(found.stdout) if "--json" in words else found.stdout


def test_what_would_go_is_told_and_then_goes_and_then_there_is_nothing(scene, tmp_path):
    old, posters = f"hls/{DRAMA}/1/{FIRST[:12]}/", f"posters/{DRAMA}/1/{FIRST[:12]}/"
    wanted = {
        old: ("rendition", "replaced", 5), posters: ("posters", "replaced", 1),
        source(FIRST): ("source", "done", 1), source(SECOND): ("source", "done", 1),
        "0123456789abcdef": ("upload", "nobody", 1),
    }  # fmt: skip
    folder = Folder(tmp_path / "store")
    there = list(folder.keys(""))
    for words in (["--dry-run", "--json"], ["--json"]):
        told = typed(*words)
        assert {one["key"]: (one["what"], one["why"], one["files"]) for one in told["gone"]} == wanted
        assert told["bytes"] == sum(one["bytes"] for one in told["gone"]) > 0
        if told["dry_run"]:
            assert list(folder.keys("")) == there
    assert all(key.split("/")[3] == SECOND[:12] for key in folder.keys(""))
    assert list((tmp_path / "store" / ".partial").iterdir()) == []
    assert typed("--json")["gone"] == []


def test_it_is_told_in_lines_and_of_one_drama(scene):
    assert "0 files, 0.0 MB would go, of 0 episodes" in typed("--dry-run", "--drama", "8")
    told = typed("--drama", str(DRAMA))
    assert f"hls/{DRAMA}/1/{FIRST[:12]}/" in told
    assert "replaced" in told
    assert "8 files" in told
    assert "of 1 episodes" in told
