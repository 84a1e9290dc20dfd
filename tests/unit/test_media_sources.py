"""Folders and manifests as people have them, and as somebody with bad intentions would."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from domain.media.episode_files import Trouble
from juliu.media import sources
from juliu.media.sources import BadManifest, read


def put(folder: Path, *names: str, size: int = 5) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * size)


def manifest(folder: Path, *lines: object) -> Path:
    path = folder / "manifest.jsonl"
    path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines), encoding="utf-8")
    return path


def test_a_folder_says_which_file_is_which_episode(tmp_path):
    put(tmp_path, "剧 - 第2集.mp4", "剧-第０1集.MOV", ".DS_Store", "封面.jpg", "more/剧 - 第3集.mp4")
    found = read(tmp_path)
    assert sorted((file.source.title, file.source.episode_no, file.source.size) for file in found.files) == [
        ("剧", 1, 5),
        ("剧", 2, 5),
    ]
    assert found.problems == []
    assert found.notes == ["passed over: 封面.jpg"]


def test_a_video_that_says_no_episode_is_a_problem_and_other_files_are_not(tmp_path):
    put(tmp_path, "第3集.mp4", "剧 - 第0集.mp4", "notes.txt")
    found = read(tmp_path)
    assert [(problem.trouble, problem.names) for problem in found.problems] == [
        (Trouble.BAD_NAME, ("剧 - 第0集.mp4",)),
        (Trouble.BAD_NAME, ("第3集.mp4",)),
    ]


def test_what_is_no_file_is_one_of_no_size(tmp_path):
    folder, outside = tmp_path / "in", tmp_path / "out.mp4"
    folder.mkdir()
    outside.write_bytes(b"secret")
    (folder / "剧 - 第1集.mp4").symlink_to(outside)
    (folder / "剧 - 第2集.mp4").symlink_to(folder / "剧 - 第2集.mp4")
    os.mkfifo(folder / "剧 - 第3集.mp4")
    assert [file.source.size for file in read(folder).files] == [-1, -1, -1]


def test_a_name_that_is_no_text_is_told_and_nothing_breaks(tmp_path):
    (tmp_path / os.fsdecode(b"\xff\xfe.mp4")).write_bytes(b"x")
    (problem,) = read(tmp_path).problems
    assert problem.trouble is Trouble.BAD_NAME


def test_a_manifest_names_files_below_its_folder(tmp_path):
    put(tmp_path, "a/b.mp4", "c.mp4")
    path = manifest(
        tmp_path, {"file": "a/b.mp4", "episode_no": 1}, "", {"file": "c.mp4", "episode_no": 2, "drama_id": 9}
    )
    found = read(path, drama_id=7)
    assert [(file.drama_id, file.source.episode_no, file.source.size) for file in found.files] == [(7, 1, 5), (9, 2, 5)]


@pytest.mark.parametrize("file", ["../out.mp4", "/etc/passwd", "a/../../out.mp4", "nowhere.mp4", ".", "x\x00y"])
def test_a_manifest_that_leads_elsewhere_names_no_file(tmp_path, file):
    folder = tmp_path / "in"
    folder.mkdir()
    put(tmp_path, "out.mp4")
    (found,) = read(manifest(folder, {"file": file, "episode_no": 1, "drama_id": 7})).files
    assert found.source.size == -1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{", "line 2"),
        ({"file": "c.mp4"}, "episode_no"),
        ({"file": "c.mp4", "episode_no": 0}, "line 2"),
        ({"file": "", "episode_no": 1}, "line 2"),
        ({"file": "c.mp4", "episode_no": 1, "drama": 7}, "drama"),
        ({"file": "c.mp4", "episode_no": 1}, "names no drama"),
        ("[" * 20_000, "line 2"),
    ],
)
def test_a_manifest_that_cannot_be_read_says_where(tmp_path, line, says):
    path = manifest(tmp_path, {"file": "a.mp4", "episode_no": 1, "drama_id": 7}, line)
    with pytest.raises(BadManifest, match=says):
        read(path)


def test_what_is_not_there_or_too_much_is_refused(tmp_path, monkeypatch):
    with pytest.raises(BadManifest, match="nowhere"):
        read(tmp_path / "nowhere")
    monkeypatch.setattr(sources, "MAX_FILES", 2)
    put(tmp_path, "1.mp4", "2.mp4", "3.mp4")
    with pytest.raises(BadManifest, match="more than 2 files"):
        read(tmp_path)
    with pytest.raises(BadManifest, match="more than 2 files"):
        read(manifest(tmp_path, *[{"file": "1.mp4", "episode_no": 1, "drama_id": 1}] * 3))
    monkeypatch.setattr(sources, "MAX_MANIFEST", 100)
    with pytest.raises(BadManifest, match="larger than"):
        read(tmp_path / "manifest.jsonl")
