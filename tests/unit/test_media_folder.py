"""A folder that holds files by key: whole or not at all, and nothing outside of it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from infra.media.folder import PARTIAL, PARTIAL_LIFE_S, Folder

KEY = "hls/7/3/abc/master.m3u8"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "media")


def test_nothing_is_seen_before_the_last_byte(folder):
    with folder.writing(KEY) as file:
        file.write(b"half")
        assert not folder.path(KEY).exists()
        assert list(folder.keys("")) == []
        file.write(b" and half")
    assert folder.path(KEY).read_bytes() == b"half and half"


def test_what_fails_leaves_what_was(folder):
    with folder.writing(KEY) as file:
        file.write(b"before")

    def fail() -> None:
        with folder.writing(KEY) as file:
            file.write(b"after")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert folder.path(KEY).read_bytes() == b"before"
    assert os.listdir(folder.root / PARTIAL) == []


def test_a_link_that_leads_out_is_no_place(folder, tmp_path):
    (tmp_path / "secret").mkdir()
    (folder.root / "hls").mkdir(parents=True)
    (folder.root / "hls" / "7").symlink_to(tmp_path / "secret")
    with pytest.raises(ValueError, match="link"):
        folder.path("hls/7/x.ts")
    with pytest.raises(ValueError, match="link"), folder.writing("hls/7/x.ts"):
        pass
    assert list(folder.keys("")) == []


def test_empty_folders_go_with_their_last_file(folder):
    for key in (KEY, "hls/7/3/abc/720p/00000.ts", "hls/8/1/abc/master.m3u8"):
        with folder.writing(key):
            pass
    folder.delete("hls/7/3/abc/720p/00000.ts")
    folder.delete(KEY)
    assert sorted(path.name for path in (folder.root / "hls").iterdir()) == ["8"]
    folder.delete(KEY)


def test_what_dead_writers_left_is_swept_when_it_is_old(folder):
    for name, age_s in (("old", PARTIAL_LIFE_S + 60), ("young", 60)):
        path = folder.root / PARTIAL / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        os.utime(path, (time.time() - age_s,) * 2)
    folder.sweep()
    assert os.listdir(folder.root / PARTIAL) == ["young"]
