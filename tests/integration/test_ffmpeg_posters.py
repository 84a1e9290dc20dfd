"""Poster candidates: the sharpest frames, none black, in three widths and two kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.media.limits import Limits
from domain.media.trouble import Failure, StepFailed
from media_jobs.ffmpeg.posters import posters
from media_jobs.ffmpeg.probing import probe
from media_jobs.watch import Unwatched
from tests.renditions import streams
from tests.videos import a_clip, needs_ffmpeg

pytestmark = needs_ffmpeg
LIMITS, NOBODY = Limits(), Unwatched()
# Black until 1 s, blurred until 2 s, and sharp for the last half second only.
SCENES = "drawbox=c=black:t=fill:enable='lt(t,1)',gblur=sigma=6:enable='between(t,1,1.99)'"


def test_each_part_gives_its_sharpest_frame_and_black_gives_none(tmp_path: Path):
    clip = a_clip(tmp_path / "a.mp4", "-vf", SCENES, seconds=2.5)
    found = posters(clip, tmp_path / "p", probe(clip, LIMITS, NOBODY), NOBODY, count=3)
    assert [one.number for one in found] == [0, 1, 2]
    assert all(one.at_ms >= 950 for one in found)
    assert [one.sharpness for one in found] == sorted((one.sharpness for one in found), reverse=True)
    sharpest = found[0]
    assert 1_950 <= sharpest.at_ms < 2_500


def test_each_is_there_in_every_width_and_kind_and_nothing_else(tmp_path: Path):
    clip = a_clip(tmp_path / "a.mp4", seconds=1, size="270x480")
    found = posters(clip, tmp_path / "p", probe(clip, LIMITS, NOBODY), NOBODY, count=2)
    names = {f"{number}-{width}.{kind}" for number in (0, 1) for width in (240, 480, 720) for kind in ("webp", "jpg")}
    assert {path.name for path in (tmp_path / "p").iterdir()} == names
    assert {name for one in found for name in one.files} == names
    sizes = {name: streams(tmp_path / "p" / name)["video"] for name in ("0-240.jpg", "0-720.webp", "1-720.jpg")}
    assert [(one["codec_name"], one["width"], one["height"]) for one in sizes.values()] == [
        ("mjpeg", 240, 426), ("webp", 270, 480), ("mjpeg", 270, 480),
    ]  # fmt: skip


def test_a_black_film_has_no_poster(tmp_path: Path):
    clip = a_clip(tmp_path / "a.mp4", seconds=1, picture="color=c=black")
    with pytest.raises(StepFailed) as failed:
        posters(clip, tmp_path / "p", probe(clip, LIMITS, NOBODY), NOBODY)
    assert (failed.value.kind, failed.value.reason) == (Failure.MEND, "all_black")
    assert list((tmp_path / "p").iterdir()) == []


def test_the_watch_is_told_to_the_end(tmp_path: Path):
    told: list[int] = []
    clip = a_clip(tmp_path / "a.mp4", seconds=1)
    watch = type("W", (), {"progress": staticmethod(told.append)})()
    posters(clip, tmp_path / "p", probe(clip, LIMITS, NOBODY), watch, count=1)
    assert told == sorted(told)
