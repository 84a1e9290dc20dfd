"""What ffprobe answers, as claims of the file."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from domain.media.probe import NotMedia, is_uneven, parse


def an_answer(**of_video: Any) -> dict[str, Any]:
    video = {"codec_type": "video", "codec_name": "h264", "width": 1080, "height": 1920, "avg_frame_rate": "25/1"}
    audio = {"codec_type": "audio", "codec_name": "aac", "sample_rate": "48000", "channels": 2, "bit_rate": "N/A"}
    form = {"format_name": "mov,mp4,m4a,3gp,3g2,mj2", "duration": "90.000000", "bit_rate": "2000000"}
    return {"format": form, "streams": [video | of_video, audio]}


def test_an_ordinary_file_claims_what_it_is():
    probe = parse(an_answer(), ".MP4", 1000)
    assert (probe.container, probe.extension, probe.duration_ms, probe.bps) == ("mov", "mp4", 90_000, 2_000_000)
    assert probe.audio is not None
    assert (probe.audio.sample_rate, probe.audio.bps) == (48_000, 0)
    assert (probe.seen().width, probe.seen().height, probe.seen().fps) == (1080, 1920, Fraction(25))


@pytest.mark.parametrize(
    ("told", "degrees", "size"),
    [
        ({"side_data_list": [{"rotation": -90}], "width": 1920, "height": 1080}, 90, (1080, 1920)),
        ({"side_data_list": [{"rotation": 90}], "width": 1920, "height": 1080}, 270, (1080, 1920)),
        ({"side_data_list": [{"rotation": 180}]}, 180, (1080, 1920)),
        ({"tags": {"rotate": "90"}, "width": 1920, "height": 1080}, 90, (1080, 1920)),
        ({"side_data_list": [{}]}, 0, (1080, 1920)),
    ],
)
def test_a_turned_picture_is_told_upright(told, degrees, size):
    video = parse(an_answer(**told), "mp4", 1).seen()
    assert (video.rotation, (video.width, video.height)) == (degrees, size)


@pytest.mark.parametrize(
    ("shape", "size"),
    [("1:1", (720, 576)), ("16:11", (720, 396)), ("1:2", (360, 576)), ("0:1", (720, 576)), ("99:1", (720, 576))],
)
def test_pixels_that_are_not_square_are_made_so_and_nonsense_is_not_believed(shape, size):
    video = parse(an_answer(width=720, height=576, sample_aspect_ratio=shape), "mp4", 1).seen()
    assert (video.width, video.height) == size


def test_the_longest_claim_counts():
    answer = an_answer(duration="36000.5")
    assert parse(answer, "mp4", 1).duration_ms == 36_000_500


def test_a_cover_is_no_picture():
    answer = an_answer(disposition={"attached_pic": 1})
    assert parse(answer, "mp4", 1).video is None
    with pytest.raises(NotMedia):
        parse(answer, "mp4", 1).seen()


@pytest.mark.parametrize("nonsense", ["nan", "inf", "-5", "1e300", "x" * 50, None, [1]])
def test_numbers_that_are_none_count_as_not_told(nonsense):
    answer = an_answer(bit_rate=nonsense, avg_frame_rate=nonsense, r_frame_rate=nonsense)
    answer["format"]["duration"] = nonsense
    probe = parse(answer, "mp4", 1)
    assert probe.duration_ms == 0
    assert probe.seen().bps == 0


@pytest.mark.parametrize("answer", [{}, {"format": {}}, {"streams": []}, {"format": 3, "streams": []}])
def test_another_shape_is_refused(answer):
    with pytest.raises(NotMedia):
        parse(answer, "mp4", 1)


def test_a_file_without_tracks_claims_nothing():
    probe = parse({"format": {"format_name": "mov"}, "streams": []}, "mp4", 1)
    assert (probe.video, probe.audio, probe.duration_ms) == (None, None, 0)


def test_hdr_and_interlacing_are_told():
    video = parse(an_answer(color_transfer="smpte2084", field_order="tt"), "mp4", 1).seen()
    assert video.hdr
    assert video.interlaced


@pytest.mark.parametrize(
    ("times", "uneven"),
    [
        ([0.0, 0.04, 0.12, 0.08, 0.16], False),  # in the order of decoding
        ([0.0, 0.033, 0.067, 0.1, 0.133], False),  # a time base of milliseconds
        ([0.0, 0.04, 0.08, 0.2, 0.24], True),
        ([0.0, 0.04], False),
        ([], False),
    ],
)
def test_uneven_frames_are_seen(times, uneven):
    assert is_uneven(times) is uneven
