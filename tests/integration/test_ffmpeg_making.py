"""How renditions are made: one program for all, refused where they came out wrong, nothing left when it is stopped."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from domain.media.ladder import Encoded
from domain.media.limits import Limits
from domain.media.trouble import Failure, StepFailed
from media_jobs.ffmpeg.encoding import Settings, encode_mezzanine, package
from media_jobs.ffmpeg.inspection import inspect
from media_jobs.ffmpeg.probing import probe
from media_jobs.watch import Cancelled
from tests.renditions import LIMITS, NOBODY, QUICK, Scene, a_scene, frames, in_the_clear, key_frames
from tests.videos import a_clip, ffmpeg, left_running, needs_ffmpeg

pytestmark = needs_ffmpeg


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Five seconds, for two rungs."""
    return a_scene(a_clip(tmp_path_factory.mktemp("clip") / "a.mp4", seconds=5, size="540x960"))


def with_ffmpeg(script: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another ffmpeg, that does this; in it $real is the real one."""
    spy = folder / "bin" / "ffmpeg"
    spy.parent.mkdir()
    spy.write_text(f"#!/bin/sh\nreal={shutil.which('ffmpeg')}\n{script}\n")
    spy.chmod(0o755)
    monkeypatch.setenv("PATH", f"{spy.parent}:{os.environ['PATH']}")


def test_a_source_is_opened_once_for_all_rungs(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    log = tmp_path / "log"
    with_ffmpeg(f'for word in "$@"; do echo "$word" >>{log}; done\nexec $real "$@"', tmp_path, monkeypatch)
    scene.encode(tmp_path / "hls")
    words = log.read_text().splitlines()
    assert (words.count("-i"), words.count("-hls_time")) == (1, 2)


def test_a_second_run_leaves_nothing_of_the_first(scene: Scene, tmp_path: Path):
    target = tmp_path / "hls"
    scene.encode(target)
    (target / "360p" / "00099.ts").write_bytes(b"old")
    a_scene(a_clip(tmp_path / "b.mp4", seconds=1)).encode(target)
    assert sorted(str(path.relative_to(target)) for path in target.rglob("*")) == [
        "360p", "360p/00000.ts", "360p/index.m3u8", "master.m3u8",
    ]  # fmt: skip


@pytest.mark.parametrize("keys", [{}, {"360p": b"short", "540p": bytes(16)}, {"360p": bytes(16), "540p": bytes(16)}])
def test_keys_are_asked_for_before_anything_is_begun(keys: dict[str, bytes], scene: Scene, tmp_path: Path):
    with pytest.raises(ValueError, match="key of 16 bytes of its own"):
        scene.encode(tmp_path / "hls", keys=keys)
    assert not (tmp_path / "hls").exists()


class Stop:
    """A watch that has enough once something was encoded."""

    def progress(self, permille: int) -> None:
        if permille > 0:
            raise Cancelled("enough")


def test_a_cancelled_ladder_leaves_nothing_running(tmp_path: Path):
    scene = a_scene(a_clip(tmp_path / "a.mp4", seconds=20, size="360x640"))
    with pytest.raises(Cancelled):
        scene.encode(tmp_path / "hls", Stop(), settings=Settings(preset="veryslow", threads=1))
    assert left_running() == []
    assert not (tmp_path / "hls" / "master.m3u8").exists()


def refused(scene: Scene, target: Path, **others: object) -> tuple[Failure, str]:
    """Why it is; no master playlist tells players of it."""
    with pytest.raises(StepFailed) as failed:
        scene.encode(target, **others)
    assert not (target / "master.m3u8").exists()
    return failed.value.kind, failed.value.reason


def test_a_ladder_that_takes_more_than_it_may_is_ended(scene: Scene, tmp_path: Path):
    """ffmpeg catches the kernel's signal, and would end as if somebody had asked it to."""
    limits = Limits(least_s=1, cpu_factor=0)
    slow = Settings(preset="medium")
    assert refused(scene, tmp_path / "hls", limits=limits, settings=slow) == (Failure.MEND, "too_costly")


def test_a_rendition_that_ends_early_is_refused(scene: Scene, tmp_path: Path):
    longer = replace(scene.report, decoded_ms=20_000)
    assert refused(scene, tmp_path / "hls", report=longer) == (Failure.GIVE_UP, "incomplete")


@pytest.mark.parametrize(
    "harm",
    [
        "truncate -s -4096 540p/00001.ts",
        "rm 360p/00002.ts",
        ": >360p/index.m3u8",
        "rm 360p/index.m3u8",
        "sed -i '/ENDLIST/d' 540p/index.m3u8",
    ],
)
def test_what_ffmpeg_dropped_without_a_word_is_found(harm: str, scene: Scene, tmp_path: Path, monkeypatch):
    """On a full disk ffmpeg 5.1 leaves such files, and ends with 0."""
    with_ffmpeg(f'$real "$@" && {harm}', tmp_path, monkeypatch)
    assert refused(scene, tmp_path / "hls") == (Failure.AGAIN, "no_space")


def rung_files(scene: Scene, at: Path, *gops: str) -> dict[str, Path]:
    """One plain MP4 a rung, as a cloud's transcoding makes them, with these distances of key frames."""
    files = {}
    for rung, gop in zip(scene.rungs, gops, strict=True):
        files[rung.name] = at / f"{rung.name}.mp4"
        size = f"scale={rung.width}:{rung.height}"
        coder = ("-c:v", "libx264", "-preset", "ultrafast", "-g", gop, "-sc_threshold", "0", "-c:a", "aac")
        ffmpeg("-i", scene.source, "-vf", size, *coder, files[rung.name])
    return files


def packed(scene: Scene, files: dict[str, Path], target: Path) -> Encoded:
    told = {"probe": scene.probe, "report": scene.report, "watch": NOBODY}
    return package(files, target, scene.rungs, scene.keys, **told)  # type: ignore[arg-type]


def test_files_that_are_encoded_already_are_packed_the_same_way(scene: Scene, tmp_path: Path):
    done = packed(scene, rung_files(scene, tmp_path, "30", "30"), tmp_path / "hls")
    assert [(one.rung.name, one.segments) for one in done.rungs] == [("360p", 3), ("540p", 3)]
    for rung in scene.rungs:
        clear = in_the_clear(tmp_path / "hls" / rung.name, scene.keys[rung.name], tmp_path / "clear.ts")
        assert (frames(clear), key_frames(clear)) == (75, [0.0, 2.0, 4.0])
        loudness = inspect(clear, probe(clear, LIMITS, NOBODY), LIMITS, NOBODY).loudness
        assert loudness is not None
        assert loudness.integrated == pytest.approx(-16, abs=1)


@pytest.mark.parametrize("gops", [("30", "45"), ("45", "45")])
def test_files_whose_key_frames_stand_elsewhere_are_refused(gops: tuple[str, str], scene: Scene, tmp_path: Path):
    with pytest.raises(StepFailed) as failed:
        packed(scene, rung_files(scene, tmp_path, *gops), tmp_path / "hls")
    assert (failed.value.kind, failed.value.reason) == (Failure.GIVE_UP, "not_aligned")
    assert not (tmp_path / "hls" / "master.m3u8").exists()


def test_the_plain_file_for_wechat_is_plain_and_begins_with_its_index(scene: Scene, tmp_path: Path):
    target = tmp_path / "a.mp4"
    encode_mezzanine(scene.source, target, probe=scene.probe, report=scene.report, watch=NOBODY, settings=QUICK)
    found = probe(target, LIMITS, NOBODY)
    report = inspect(target, found, LIMITS, NOBODY)
    body = target.read_bytes()
    assert body.index(b"moov") < body.index(b"mdat")
    assert (found.seen().codec, found.seen().width, found.seen().height) == ("h264", 540, 960)
    assert (report.frames, report.damaged) == (75, 0)
    assert report.loudness is not None
    assert report.loudness.integrated == pytest.approx(-16, abs=1)
