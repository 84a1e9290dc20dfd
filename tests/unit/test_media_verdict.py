"""What is said of a file, and what rejects it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain.media.limits import Limits
from domain.media.probe import Audio
from domain.media.report import Loudness, Span
from domain.media.verdict import Code, rejects, verdict
from tests.videos import a_probe, a_report, a_video, sized

HOUR_MS = 3_600_000


def codes(probe, report=None):
    return [(reason.code.value, reason.rejects) for reason in verdict(probe, report)]


def test_a_good_file_has_nothing_to_say():
    assert verdict(a_probe(), a_report()) == []
    assert verdict(a_probe(a_video(duration_ms=90_000), audio=Audio("aac", 1, 1, 1, 92_000)), a_report()) == []
    assert not rejects([])


@pytest.mark.parametrize(
    ("probe", "code"),
    [
        (replace(a_probe(), video=None), Code.NO_VIDEO),
        (a_probe(audio=None), Code.NO_AUDIO),
        (a_probe(duration_ms=10 * HOUR_MS), Code.TOO_LONG),
        (a_probe(duration_ms=400), Code.TOO_SHORT),
        (a_probe(streams=33), Code.TOO_MANY_STREAMS),
        (a_probe(a_video(codec="theora")), Code.CODEC),
        (a_probe(audio=Audio("dts", 48_000, 2, 0)), Code.CODEC),
        (a_probe(a_video(duration_ms=60_000), audio=Audio("aac", 1, 1, 1, 90_000)), Code.PICTURE_ENDS),
        (sized(16_384, 16_384), Code.TOO_MANY_PIXELS),
        (a_probe(a_video(coded_width=16_384, coded_height=16_384)), Code.TOO_MANY_PIXELS),
        (sized(62, 200), Code.TOO_SMALL),
        (sized(200, 1000), Code.SHAPE),
        (a_probe(container="mpegts", extension="ts", size_bytes=188 * 192 * 204 + 7), Code.TRUNCATED),
    ],
)
def test_headers_that_reject(probe, code):
    reasons = verdict(probe)
    assert [reason.code for reason in reasons if reason.rejects] == [code]
    assert all(0 < len(reason.text) <= 500 for reason in reasons)


@pytest.mark.parametrize(
    ("probe", "code"),
    [
        (sized(180, 320), Code.SMALL),
        (sized(1920, 1080), Code.LANDSCAPE),
        (a_probe(a_video(rotation=90)), Code.ROTATED),
        (sized(1081, 1920), Code.ODD_SIZE),
        (a_probe(a_video(variable=True)), Code.VARIABLE_RATE),
        (a_probe(a_video(interlaced=True)), Code.INTERLACED),
        (a_probe(a_video(hdr=True)), Code.HDR),
        (a_probe(container="matroska"), Code.EXTENSION),
        (a_probe(a_video(duration_ms=90_000), audio=Audio("aac", 1, 1, 1, 60_000)), Code.SOUND_ENDS),
    ],
)
def test_headers_that_only_warn(probe, code):
    assert codes(probe) == [(code.value, False)]


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (a_report(decoded_ms=45_000), Code.TRUNCATED),
        (a_report(decoded_ms=500), Code.TRUNCATED),
        (a_report(decoded_ms=HOUR_MS + 1000), Code.TOO_LONG),
        (a_report(frames=0), Code.DAMAGED),
        (a_report(damaged=23), Code.DAMAGED),
        (a_report(black=(Span(0, 82_000),)), Code.ALL_BLACK),
        (a_report(silent=(Span(0, 40_000), Span(45_000, 90_000))), Code.ALL_SILENT),
        (a_report(loudness=None), Code.ALL_SILENT),
    ],
)
def test_contents_that_reject(report, code):
    assert (code.value, True) in codes(a_probe(), report)


@pytest.mark.parametrize(
    ("report", "code"),
    [
        (a_report(damaged=22), Code.GLITCHES),
        (a_report(decoded_ms=95_000), Code.LENGTH),
        (a_report(black=(Span(0, 3_000),)), Code.BLACK),
        (a_report(silent=(Span(10_000, 15_000),)), Code.SILENT),
        (a_report(loudness=Loudness(-35.0, -20.0, 5.0, -45.0)), Code.LOUDNESS),
        (a_report(loudness=Loudness(-5.0, 1.0, 5.0, -15.0)), Code.LOUDNESS),
    ],
)
def test_contents_that_only_warn(report, code):
    assert codes(a_probe(), report) == [(code.value, False)]


@pytest.mark.parametrize(
    "report",
    [
        a_report(decoded_ms=88_000),
        a_report(black=tuple(Span(at, at + 2_900) for at in range(0, 50_000, 5_000))),
        a_report(silent=(Span(0, 4_900),)),
    ],
)
def test_what_is_usual_is_not_told(report):
    assert verdict(a_probe(), report) == []


def test_what_rejects_comes_first_and_the_first_spans_are_named():
    black = tuple(Span(at, at + 4_000) for at in range(0, 70_000, 10_000))
    reasons = verdict(sized(180, 320), a_report(damaged=900, black=black))
    assert [reason.code for reason in reasons] == [Code.DAMAGED, Code.SMALL, Code.BLACK]
    assert reasons[-1].text == "Black at 0:00-0:04, 0:10-0:14, 0:20-0:24, 0:30-0:34, 0:40-0:44 and more."


def test_other_limits_may_be_given():
    assert verdict(a_probe(), None, Limits(duration_ms=60_000))[0].code is Code.TOO_LONG


def test_codes_fit_where_they_are_kept():
    assert all(code.value.isidentifier() and code.value.islower() and len(code.value) <= 64 for code in Code)
