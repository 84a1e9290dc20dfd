"""Builders of probes and reports, and ffmpeg's own clips for tests that decode."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import psutil
import pytest

from domain.media.probe import Audio, Probe, Video
from domain.media.report import Loudness, Report

needs_ffmpeg = pytest.mark.skipif(
    shutil.which("ffmpeg") is None and os.environ.get("CI") != "true", reason="ffmpeg is not installed"
)
PROGRAMS = ("ffmpeg", "ffprobe", "nice", "prlimit", "setpriv")
_X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac")


def left_running() -> list[str]:
    """Programs of ours that decode or encode and have not ended.  Servers of other tests are our children, too."""
    children = psutil.Process().children(recursive=True)
    return [name for child in children if (name := _name(child)) in PROGRAMS]


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def a_video(**others: Any) -> Video:
    """Upright HD, 25 frames a second."""
    video = Video(
        codec="h264",
        profile="High",
        pixel_format="yuv420p",
        width=1080,
        height=1920,
        coded_width=1080,
        coded_height=1920,
        rotation=0,
        fps=Fraction(25),
        variable=False,
        interlaced=False,
        hdr=False,
        bps=4_000_000,
    )
    return replace(video, **others)


def a_probe(video: Video | None = None, **others: Any) -> Probe:
    """A minute and a half of it, with sound."""
    probe = Probe(
        container="mov",
        extension="mp4",
        size_bytes=45_000_000,
        duration_ms=90_000,
        bps=4_100_000,
        streams=2,
        video=video or a_video(),
        audio=Audio("aac", 48_000, 2, 128_000),
    )
    return replace(probe, **others)


def sized(width: int, height: int, fps: Fraction | int = 25) -> Probe:
    """A probe of another size."""
    return a_probe(a_video(width=width, height=height, coded_width=width, coded_height=height, fps=Fraction(fps)))


def a_report(**others: Any) -> Report:
    """Nothing wrong with it."""
    return replace(Report(90_000, 2_250, 0, Loudness(-20.0, -3.0, 5.0, -30.0), (), ()), **others)


def ffmpeg(*argv: str | Path) -> None:
    """Run it; it must succeed."""
    subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", *map(str, argv)], check=True, timeout=60)


def a_clip(
    path: Path,
    *after: str,
    seconds: float = 2,
    size: str = "180x320",
    rate: str = "15",
    picture: str = "testsrc2",
    sound: str = "sine=f=440",
) -> Path:
    """A clip of moving picture and a tone (`sound=""`: none), with more of ffmpeg's options before its name."""
    heard = ("-f", "lavfi", "-i", sound) if sound else ()
    seen = ("-f", "lavfi", "-i", f"{picture}{':' if '=' in picture else '='}s={size}:r={rate}")
    ffmpeg(*seen, *heard, "-t", str(seconds), *_X264, "-pix_fmt", "yuv420p", *after, path)
    return path
