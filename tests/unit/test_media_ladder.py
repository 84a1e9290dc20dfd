"""Which renditions a source gets."""

from __future__ import annotations

from fractions import Fraction

import pytest

from domain.media.ladder import aligned, mezzanine_of, rate_of, rungs_of
from tests.videos import a_probe, a_video, sized


@pytest.mark.parametrize(
    ("size", "rungs"),
    [
        ((1080, 1920), ["360p 360x640", "540p 540x960", "720p 720x1280", "1080p 1080x1920"]),
        ((720, 1280), ["360p 360x640", "540p 540x960", "720p 720x1280"]),
        ((2160, 3840), ["360p 360x640", "540p 540x960", "720p 720x1280", "1080p 1080x1920"]),
        ((1920, 1080), ["360p 640x360", "540p 960x540", "720p 1280x720", "1080p 1920x1080"]),
        ((719, 1281), ["360p 360x640", "540p 540x962", "720p 718x1280"]),
        ((480, 854), ["360p 360x640"]),
        ((500, 888), ["360p 360x638", "540p 500x888"]),
        ((180, 320), ["360p 180x320"]),
        ((181, 321), ["360p 180x320"]),
        ((1072, 1904), ["360p 360x638", "540p 540x958", "720p 720x1278", "1080p 1072x1904"]),
    ],
)
def test_the_ladder_follows_the_source(size, rungs):
    assert [f"{rung.name} {rung.width}x{rung.height}" for rung in rungs_of(sized(*size))] == rungs


def test_no_rung_is_ever_larger_than_its_source_nor_odd_nor_of_another_shape():
    for width in range(64, 2200, 37):
        for height in (width, width * 16 // 9, width * 2, width * 4):
            for rung in rungs_of(sized(width, height)):
                assert rung.width <= width
                assert rung.height <= height
                assert (rung.width | rung.height) & 1 == 0
                assert abs(rung.width / rung.height - width / height) < 2.1 / rung.height


def test_rates_rise_with_the_rungs():
    rungs = rungs_of(sized(1080, 1920))
    assert [rung.video_bps for rung in rungs] == sorted({rung.video_bps for rung in rungs})


@pytest.mark.parametrize(
    ("fps", "rate"),
    [
        (Fraction(25), Fraction(25)),
        (Fraction(30000, 1001), Fraction(30000, 1001)),
        (Fraction(2997, 100), Fraction(30000, 1001)),
        (Fraction(24000, 1001), Fraction(24000, 1001)),
        (Fraction(27), Fraction(30000, 1001)),
        (Fraction(240), Fraction(60)),
        (Fraction(1, 3600), Fraction(10)),
        (Fraction(0), Fraction(25)),
    ],
)
def test_the_rate_is_one_that_screens_know(fps, rate):
    assert rate_of(a_probe(a_video(fps=fps))) == rate


def test_the_plain_file_has_the_size_of_the_largest_rung():
    assert mezzanine_of(sized(2160, 3840)).height == 1920
    assert mezzanine_of(sized(180, 320)).height == 320


def test_cuts_are_aligned_to_half_a_frame():
    assert aligned([[2.0, 1.0], [2.0, 1.01]], Fraction(25))
    assert not aligned([[2.0, 1.0], [2.04, 0.96]], Fraction(25))
    assert not aligned([[2.0, 1.0], [3.0]], Fraction(25))
