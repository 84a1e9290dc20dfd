"""Renditions: one decode, cut at the same instants, each under its own key, one loudness, at most the source's size."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import psutil
import pytest

from domain.media import playlist
from domain.media.ladder import Encoded, Rung, rungs_of
from domain.media.limits import Limits
from domain.media.probe import Probe
from domain.media.report import Report
from domain.media.trouble import Failure, StepFailed
from media_jobs.ffmpeg.encoding import Settings, encode_ladder, encode_mezzanine, package
from media_jobs.ffmpeg.inspection import inspect
from media_jobs.ffmpeg.probing import probe
from media_jobs.watch import Cancelled, Unwatched
from tests.renditions import frames, in_the_clear, key_frames, segments, streams, unsealed
from tests.videos import a_clip, ffmpeg, needs_ffmpeg

pytestmark = needs_ffmpeg
LIMITS, NOBODY, QUICK = Limits(), Unwatched(), Settings(preset="ultrafast")


def keys_of(rungs: Sequence[Rung]) -> dict[str, bytes]:
    return {rung.name: bytes([7 + at]) * 16 for at, rung in enumerate(rungs)}


@dataclass
class Scene:
    """A source, looked at, and its renditions in `target`."""

    source: Path
    target: Path
    probe: Probe
    report: Report
    rungs: list[Rung]
    keys: dict[str, bytes]
    encoded: Encoded

    def clear(self, rung: str, at: Path) -> Path:
        return in_the_clear(self.target / rung, self.keys[rung], at / f"{rung}.ts")


def encoded(source: Path, target: Path) -> Scene:
    found = probe(source, LIMITS, NOBODY)
    report = inspect(source, found, LIMITS, NOBODY)
    rungs = rungs_of(found)
    keys = keys_of(rungs)
    done = encode_ladder(
        source, target, rungs, keys, probe=found, report=report, watch=NOBODY, limits=LIMITS, settings=QUICK
    )
    return Scene(source, target, found, report, rungs, keys, done)


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    """Five seconds, quiet, in two rungs; key frames of the source where nobody wants them."""
    at = tmp_path_factory.mktemp("ladder")
    clip = a_clip(at / "a.mp4", "-g", "11", "-af", "volume=-14dB", seconds=5, size="540x960")
    return encoded(clip, at / "hls")


def test_each_rung_has_its_size_and_all_frames(scene: Scene, tmp_path: Path):
    assert [rung.name for rung in scene.rungs] == ["360p", "540p"]
    for rung in scene.rungs:
        clear = scene.clear(rung.name, tmp_path)
        video = streams(clear)["video"]
        assert (video["width"], video["height"]) == (rung.width, rung.height)
        assert (video["codec_name"], streams(clear)["audio"]["codec_name"]) == ("h264", "aac")
        assert frames(clear) == 75


def test_key_frames_stand_at_the_same_instants_every_two_seconds_and_nowhere_else(scene: Scene, tmp_path: Path):
    stand = {rung.name: key_frames(scene.clear(rung.name, tmp_path)) for rung in scene.rungs}
    assert stand == {"360p": [0.0, 2.0, 4.0], "540p": [0.0, 2.0, 4.0]}


def test_segments_have_two_seconds_and_begin_with_a_key_frame(scene: Scene, tmp_path: Path):
    for rung in scene.rungs:
        told = segments(scene.target / rung.name)
        assert told == [(2.0, "00000.ts"), (2.0, "00001.ts"), (1.0, "00002.ts")]
        for number, (_, name) in enumerate(told):
            clear = tmp_path / name
            clear.write_bytes(unsealed((scene.target / rung.name / name).read_bytes(), scene.keys[rung.name], number))
            assert key_frames(clear) == [0.0]


def test_each_segment_is_sealed_by_its_number_and_by_the_key_of_its_rung(scene: Scene):
    for rung, other in (("360p", "540p"), ("540p", "360p")):
        for number, (_, name) in enumerate(segments(scene.target / rung)):
            body = (scene.target / rung / name).read_bytes()
            plain = unsealed(body, scene.keys[rung], number)
            assert (plain[0], plain[188], len(plain) % 188) == (0x47, 0x47, 0)
            assert unsealed(body, scene.keys[rung], number + 1)[:16] != plain[:16]
            with pytest.raises(ValueError, match="PKCS"):
                unsealed(body, scene.keys[other], number)


def test_no_key_and_no_plain_segment_is_on_disk(scene: Scene):
    files = [path for path in scene.target.rglob("*") if path.is_file()]
    assert sorted({path.suffix for path in files}) == [".m3u8", ".ts"]
    for path in files:
        body = path.read_bytes()
        assert not any(key in body for key in scene.keys.values())
        assert path.suffix == ".m3u8" or body[0] != 0x47 or body[188] != 0x47


def test_playlists_are_of_the_form_that_the_api_serves(scene: Scene):
    assert playlist.rungs((scene.target / "master.m3u8").read_text()) == ["360p", "540p"]
    for rung in scene.rungs:
        text = (scene.target / rung.name / "index.m3u8").read_text()
        assert "/there/00002.ts" in playlist.rewritten(text, lambda name: f"/there/{name}")
        assert '#EXT-X-KEY:METHOD=AES-128,URI="key"\n' in text
        assert "#EXT-X-TARGETDURATION:2\n" in text


def test_what_is_told_of_a_rung_is_what_it_is(scene: Scene, tmp_path: Path):
    assert scene.encoded.fps == Fraction(15)
    assert scene.encoded.duration_ms == 5_000
    assert scene.encoded.cpu_s > 0
    for one in scene.encoded.rungs:
        sizes = [path.stat().st_size for path in (scene.target / one.rung.name).glob("*.ts")]
        assert (one.bytes, one.segments) == (sum(sizes), len(sizes))
        assert one.average_bandwidth == round(8 * sum(sizes) / 5)
        assert one.average_bandwidth <= one.bandwidth <= 2 * (one.rung.video_bps + one.rung.audio_bps)
        video = streams(scene.clear(one.rung.name, tmp_path))["video"]
        assert one.codecs.endswith(f"{video['level']:02x},mp4a.40.2")


def test_a_quiet_source_becomes_as_loud_as_all(scene: Scene, tmp_path: Path):
    assert scene.report.loudness is not None
    assert scene.report.loudness.integrated < -30
    clear = scene.clear("540p", tmp_path)
    loudness = inspect(clear, probe(clear, LIMITS, NOBODY), LIMITS, NOBODY).loudness
    assert loudness is not None
    assert loudness.integrated == pytest.approx(-16, abs=1)
    assert loudness.true_peak < -1


def test_a_second_run_leaves_nothing_of_the_first(scene: Scene, tmp_path: Path):
    target = tmp_path / "hls"
    shutil.copytree(scene.target, target)
    (target / "360p" / "00099.ts").write_bytes(b"old")
    again = encoded(a_clip(tmp_path / "b.mp4", seconds=1), target)
    assert sorted(str(path.relative_to(target)) for path in target.rglob("*")) == [
        "360p", "360p/00000.ts", "360p/index.m3u8", "master.m3u8",
    ]  # fmt: skip
    assert again.encoded.rungs[0].rung.width == 180


def test_a_source_is_opened_once_for_all_rungs(scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    real, log = shutil.which("ffmpeg"), tmp_path / "log"
    (tmp_path / "bin").mkdir()
    spy = tmp_path / "bin" / "ffmpeg"
    spy.write_text(f'#!/bin/sh\nfor word in "$@"; do echo "$word" >>{log}; done\nexec {real} "$@"\n')
    spy.chmod(0o755)
    monkeypatch.setenv("PATH", f"{spy.parent}:{os.environ['PATH']}")
    encode_ladder(
        scene.source,
        tmp_path / "hls",
        scene.rungs,
        scene.keys,
        probe=scene.probe,
        report=scene.report,
        watch=NOBODY,
        settings=QUICK,
    )
    words = log.read_text().splitlines()
    assert (words.count("-i"), words.count("-hls_time")) == (1, 2)


@pytest.mark.parametrize(
    ("rate", "options", "fps"),
    [
        ("30000/1001", (), Fraction(30000, 1001)),
        ("30", ("-vf", "select=lt(mod(n\\,7)\\,5)", "-fps_mode", "vfr"), Fraction(24000, 1001)),
    ],
)
def test_rates_that_do_not_divide_two_seconds_are_cut_alike_too(rate, options, fps, tmp_path: Path):
    clip = a_clip(tmp_path / "a.mp4", *options, seconds=4.5, size="486x864", rate=rate)
    scene = encoded(clip, tmp_path / "hls")
    small, large = (key_frames(scene.clear(rung.name, tmp_path)) for rung in scene.rungs)
    assert small == large
    assert len(small) == 3
    assert all(abs(at - 2 * number) <= 1 / fps for number, at in enumerate(small))
    assert scene.encoded.fps == fps


def test_a_turned_source_stands_and_an_odd_one_is_even(tmp_path: Path):
    lying = a_clip(tmp_path / "a.mp4", seconds=1, size="320x180")
    turned = tmp_path / "turned.mp4"
    ffmpeg("-i", lying, "-c", "copy", "-metadata:s:v:0", "rotate=90", turned)
    odd = a_clip(tmp_path / "odd.mp4", "-vf", "scale=181:321", "-pix_fmt", "yuv444p", seconds=1)
    for source in (turned, odd):
        scene = encoded(source, tmp_path / "hls")
        video = streams(scene.clear("360p", tmp_path))["video"]
        assert (video["width"], video["height"], video["pix_fmt"]) == (180, 320, "yuv420p")


def test_a_source_without_sound_gives_renditions_without(tmp_path: Path):
    scene = encoded(a_clip(tmp_path / "a.mp4", seconds=1, sound=""), tmp_path / "hls")
    assert list(streams(scene.clear("360p", tmp_path))) == ["video"]
    assert "," not in scene.encoded.rungs[0].codecs


def test_keys_are_asked_for_before_anything_is_begun(scene: Scene, tmp_path: Path):
    for keys in ({}, {"360p": b"short", "540p": bytes(16)}, {"360p": bytes(16), "540p": bytes(16)}):
        with pytest.raises(ValueError, match="key of 16 bytes of its own"):
            encode_ladder(
                scene.source,
                tmp_path / "hls",
                scene.rungs,
                keys,
                probe=scene.probe,
                report=scene.report,
                watch=NOBODY,
            )
    assert not (tmp_path / "hls").exists()


class Stop:
    """A watch that has enough once something was encoded."""

    def progress(self, permille: int) -> None:
        if permille > 0:
            raise Cancelled("enough")


def test_a_cancelled_ladder_leaves_nothing_running(tmp_path: Path):
    clip = a_clip(tmp_path / "a.mp4", seconds=20, size="360x640")
    found = probe(clip, LIMITS, NOBODY)
    report = inspect(clip, found, LIMITS, NOBODY)
    rungs = rungs_of(found)
    slow = Settings(preset="veryslow", threads=1)
    with pytest.raises(Cancelled):
        encode_ladder(
            clip, tmp_path / "hls", rungs, keys_of(rungs), probe=found, report=report, watch=Stop(), settings=slow
        )
    assert psutil.Process().children(recursive=True) == []
    assert not (tmp_path / "hls" / "master.m3u8").exists()


def test_a_rendition_that_ends_early_is_refused(scene: Scene, tmp_path: Path):
    longer = Report(20_000, 300, 0, scene.report.loudness, (), ())
    with pytest.raises(StepFailed) as failed:
        encode_ladder(
            scene.source,
            tmp_path / "hls",
            scene.rungs,
            scene.keys,
            probe=scene.probe,
            report=longer,
            watch=NOBODY,
            settings=QUICK,
        )
    assert (failed.value.kind, failed.value.reason) == (Failure.GIVE_UP, "incomplete")
    assert not (tmp_path / "hls" / "master.m3u8").exists()


def rung_files(scene: Scene, at: Path, *gops: str) -> dict[str, Path]:
    """One plain MP4 a rung, as a cloud's transcoding makes them, with these distances of key frames."""
    files = {}
    for rung, gop in zip(scene.rungs, gops, strict=True):
        files[rung.name] = at / f"{rung.name}.mp4"
        size = f"scale={rung.width}:{rung.height}"
        options = (
            "-vf",
            size,
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-g",
            gop,
            "-sc_threshold",
            "0",
            "-c:a",
            "aac",
        )
        ffmpeg("-i", scene.source, *options, files[rung.name])
    return files


def packed(scene: Scene, files: dict[str, Path], target: Path) -> Encoded:
    return package(
        files, target, scene.rungs, scene.keys, probe=scene.probe, report=scene.report, watch=NOBODY, limits=LIMITS
    )


def test_files_that_are_encoded_already_are_packed_the_same_way(scene: Scene, tmp_path: Path):
    done = packed(scene, rung_files(scene, tmp_path, "30", "30"), tmp_path / "hls")
    assert [(one.rung.name, one.segments) for one in done.rungs] == [("360p", 3), ("540p", 3)]
    for rung in scene.rungs:
        clear = in_the_clear(tmp_path / "hls" / rung.name, scene.keys[rung.name], tmp_path / "clear.ts")
        assert (frames(clear), key_frames(clear)) == (75, [0.0, 2.0, 4.0])


def test_files_whose_key_frames_differ_are_refused(scene: Scene, tmp_path: Path):
    with pytest.raises(StepFailed) as failed:
        packed(scene, rung_files(scene, tmp_path, "30", "45"), tmp_path / "hls")
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
