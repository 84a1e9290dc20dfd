"""The media demo's verdict: good only if all of it was on the screen, as it had to look."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from juliu.demo.media.browser import Shown
from juliu.demo.media.clips import CLIPS, Clip
from juliu.demo.media.report import Episode, MediaReport, rungs_of


def a_shown(clip: Clip, rung: str, **other: Any) -> Shown:
    width = int(rung.removesuffix("p"))
    whole = Shown(rung=rung, width=width, height=width * 16 // 9, frames=36, dropped=0, position_s=2.4, keys=1,
                  segments=2, decrypted=2, colour=clip.colour)  # fmt: skip
    return replace(whole, **other)


def a_report() -> MediaReport:
    return MediaReport(
        episodes=[
            Episode(
                clip.episode_no, 10 + clip.episode_no, "done", 1.5, [a_shown(clip, rung) for rung in rungs_of(clip)]
            )
            for clip in CLIPS
        ],
        key_answers={"viewer": 200, "another": 403},
    )


def judged(report: MediaReport) -> MediaReport:
    report.judge()
    return report


def test_all_renditions_on_the_screen_are_good():
    report = judged(a_report())
    assert report.good
    assert json.loads(report.as_json())["good"] is True
    assert rungs_of(CLIPS[0]) == ["360p", "540p", "720p", "1080p"]


def test_nothing_is_not_good():
    assert not judged(MediaReport()).good


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"width": 180}, "180x"),
        ({"keys": 0}, "0 keys"),
        ({"decrypted": 0}, "0 decrypted"),
        ({"frames": 0}, "no frame"),
        ({"colour": (0, 0, 0)}, "colour"),
    ],
)
def test_what_is_wrong_with_a_picture_is_said(other, words):
    report = a_report()
    report.episodes[1] = replace(report.episodes[1], shown=[a_shown(CLIPS[1], "360p", **other)])
    assert not judged(report).good
    assert len(report.wrong) == 1
    assert words in report.wrong[0]
    assert "episode 2" in report.wrong[0]


def test_a_rendition_too_few_or_another_is_said():
    report = a_report()
    report.episodes[0] = replace(report.episodes[0], shown=report.episodes[0].shown[:3])
    assert judged(report).wrong == ["episode 1 has ['360p', '540p', '720p'] for ['360p', '540p', '720p', '1080p']"]


def test_an_episode_that_is_missing_or_not_done_is_said():
    report = a_report()
    report.episodes[2:4] = [replace(report.episodes[2], state="failed")]
    assert judged(report).wrong == ["episode 3 is failed", "episode 4 is not there"]


@pytest.mark.parametrize("answers", [{"viewer": 200, "another": 200}, {"viewer": 403, "another": 403}, {}])
def test_a_key_that_another_gets_or_nobody_gets_is_wrong(answers):
    report = a_report()
    report.key_answers = answers
    assert not judged(report).good
