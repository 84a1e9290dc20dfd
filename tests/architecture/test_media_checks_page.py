"""docs/media-checks.md names every reason and every limit that the code has."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.media.ladder import rungs_of
from domain.media.limits import Limits
from domain.media.verdict import Code
from media_jobs.ffmpeg.blame import Trouble
from tests.videos import sized

PAGE = (Path(__file__).parents[2] / "docs" / "media-checks.md").read_text()


@pytest.mark.parametrize("reason", [*Code, *Trouble])
def test_every_reason_is_explained(reason):
    assert f"`{reason.value}`" in PAGE


def test_the_ladder_is_the_one_that_is_made():
    for rung in rungs_of(sized(1080, 1920)):
        picture, sound = f"{rung.video_bps // 1000:,}", rung.audio_bps // 1000
        assert f"| {rung.name} | {rung.width} | {picture} kbit/s | {sound} kbit/s |" in PAGE


def test_the_limits_are_those_that_hold():
    limits = Limits()
    assert (limits.shortest_ms, limits.duration_ms, limits.pixels) == (1_000, 3_600_000, 4096 * 2304)
    assert (limits.shortest_side, limits.longest_ratio, limits.streams) == (64, 4.0, 32)
    assert (limits.file_bytes, limits.memory_mb, limits.address_mb) == (8 << 30, 2_048, 6_144)
    assert (limits.least_s, limits.wall_factor, limits.cpu_factor) == (60, 20, 16)
