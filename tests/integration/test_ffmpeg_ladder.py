"""Renditions: cut at the same instants, each under its own key, one loudness, at most of the source's size."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from domain.media import playlist
from domain.media.ladder import Encoded
from media_jobs.ffmpeg.inspection import inspect
from media_jobs.ffmpeg.probing import probe
from tests.renditions import LIMITS, NOBODY, Scene, a_scene, frames, key_frames, segments, streams, unsealed
from tests.videos import a_clip, ffmpeg, needs_ffmpeg

pytestmark = needs_ffmpeg
Made = tuple[Scene, Path, Encoded]  # what was encoded, where to, what was told


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Five seconds, quiet, in two rungs; key frames of the source where nobody wants them."""
    at = tmp_path_factory.mktemp("ladder")
    scene = a_scene(a_clip(at / "a.mp4", "-g", "11", "-af", "volume=-14dB", seconds=5, size="540x960"))
    return scene, at / "hls", scene.encode(at / "hls")


def encoded(source: Path, target: Path) -> Made:
    scene = a_scene(source)
    return scene, target, scene.encode(target)


def test_each_rung_has_its_size_and_all_frames(made: Made, tmp_path: Path):
    scene, target, _ = made
    assert [rung.name for rung in scene.rungs] == ["360p", "540p"]
    for rung in scene.rungs:
        clear = scene.clear(target / rung.name, tmp_path)
        video = streams(clear)["video"]
        assert (video["width"], video["height"]) == (rung.width, rung.height)
        assert (video["codec_name"], streams(clear)["audio"]["codec_name"]) == ("h264", "aac")
        assert frames(clear) == 75


def test_key_frames_stand_at_the_same_instants_every_two_seconds_and_nowhere_else(made: Made, tmp_path: Path):
    scene, target, _ = made
    stand = {rung.name: key_frames(scene.clear(target / rung.name, tmp_path)) for rung in scene.rungs}
    assert stand == {"360p": [0.0, 2.0, 4.0], "540p": [0.0, 2.0, 4.0]}


def test_segments_have_two_seconds_and_begin_with_a_key_frame(made: Made, tmp_path: Path):
    scene, target, _ = made
    for rung in scene.rungs:
        told = segments(target / rung.name)
        assert told == [(2.0, "00000.ts"), (2.0, "00001.ts"), (1.0, "00002.ts")]
        for number, (_, name) in enumerate(told):
            clear = tmp_path / name
            clear.write_bytes(unsealed((target / rung.name / name).read_bytes(), scene.keys[rung.name], number))
            assert key_frames(clear) == [0.0]


def test_each_segment_is_sealed_by_its_number_and_by_the_key_of_its_rung(made: Made):
    scene, target, _ = made
    for rung, other in (("360p", "540p"), ("540p", "360p")):
        first = b""
        for number, (_, name) in enumerate(segments(target / rung)):
            body = (target / rung / name).read_bytes()
            plain = unsealed(body, scene.keys[rung], number)
            assert (plain[0], plain[188], len(plain) % 188) == (0x47, 0x47, 0)
            # Of the first block, which alone depends on the IV: all begin with the same table, but for its counter.
            first = first or plain
            assert plain[4:16] == first[4:16]
            with pytest.raises(ValueError, match="PKCS"):
                unsealed(body, scene.keys[other], number)


def test_no_key_and_no_plain_segment_is_on_disk(made: Made):
    scene, target, _ = made
    files = [path for path in target.rglob("*") if path.is_file()]
    assert sorted({path.suffix for path in files}) == [".m3u8", ".ts"]
    for path in files:
        body = path.read_bytes()
        assert not any(key in body for key in scene.keys.values())
        assert path.suffix == ".m3u8" or body[0] != 0x47 or body[188] != 0x47


def test_playlists_are_of_the_form_that_the_api_serves(made: Made):
    scene, target, _ = made
    assert playlist.rungs((target / "master.m3u8").read_text()) == ["360p", "540p"]
    for rung in scene.rungs:
        text = (target / rung.name / "index.m3u8").read_text()
        assert "/there/00002.ts" in playlist.rewritten(text, lambda name: f"/there/{name}")
        assert '#EXT-X-KEY:METHOD=AES-128,URI="key"\n' in text
        assert "#EXT-X-TARGETDURATION:2\n" in text


def test_what_is_told_of_a_rung_is_what_it_is(made: Made, tmp_path: Path):
    scene, target, told = made
    assert (told.fps, told.duration_ms) == (Fraction(15), 5_000)
    assert told.cpu_s > 0
    for one in told.rungs:
        sizes = [path.stat().st_size for path in (target / one.rung.name).glob("*.ts")]
        assert (one.bytes, one.segments, one.average_bandwidth) == (sum(sizes), len(sizes), round(8 * sum(sizes) / 5))
        assert one.average_bandwidth <= one.bandwidth <= 2 * (one.rung.video_bps + one.rung.audio_bps)
        level = streams(scene.clear(target / one.rung.name, tmp_path))["video"]["level"]
        assert one.codecs.endswith(f"{level:02x},mp4a.40.2")


def test_a_quiet_source_becomes_as_loud_as_all(made: Made, tmp_path: Path):
    scene, target, _ = made
    assert scene.report.loudness is not None
    assert scene.report.loudness.integrated < -30
    clear = scene.clear(target / "540p", tmp_path)
    loudness = inspect(clear, probe(clear, LIMITS, NOBODY), LIMITS, NOBODY).loudness
    assert loudness is not None
    assert loudness.integrated == pytest.approx(-16, abs=1)
    assert loudness.true_peak < -1


@pytest.mark.parametrize(
    ("rate", "options", "fps"),
    [
        ("30000/1001", (), Fraction(30000, 1001)),
        ("30", ("-vf", "select=lt(mod(n\\,7)\\,5)", "-fps_mode", "vfr"), Fraction(24000, 1001)),
    ],
)
def test_rates_that_do_not_divide_two_seconds_are_cut_alike_too(rate, options, fps, tmp_path: Path):
    clip = a_clip(tmp_path / "a.mp4", *options, seconds=4.5, size="486x864", rate=rate)
    scene, target, told = encoded(clip, tmp_path / "hls")
    small, large = (key_frames(scene.clear(target / rung.name, tmp_path)) for rung in scene.rungs)
    assert (small, len(small), told.fps) == (large, 3, fps)
    assert all(abs(at - 2 * number) <= 1 / fps for number, at in enumerate(small))


def test_a_turned_source_stands_and_an_odd_one_is_even(tmp_path: Path):
    lying = a_clip(tmp_path / "a.mp4", seconds=1, size="320x180")
    turned = tmp_path / "turned.mp4"
    ffmpeg("-i", lying, "-c", "copy", "-metadata:s:v:0", "rotate=90", turned)
    odd = a_clip(tmp_path / "odd.mp4", "-vf", "scale=181:321", "-pix_fmt", "yuv444p", seconds=1)
    for source in (turned, odd):
        scene, target, _ = encoded(source, tmp_path / "hls")
        video = streams(scene.clear(target / "360p", tmp_path))["video"]
        assert (video["width"], video["height"], video["pix_fmt"]) == (180, 320, "yuv420p")


def test_a_source_without_sound_gives_renditions_without(tmp_path: Path):
    scene, target, told = encoded(a_clip(tmp_path / "a.mp4", seconds=1, sound=""), tmp_path / "hls")
    assert list(streams(scene.clear(target / "360p", tmp_path))) == ["video"]
    assert "," not in told.rungs[0].codecs
