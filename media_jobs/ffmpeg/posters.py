"""Poster candidates of an episode: from each part of it the sharpest frame that is not black, in three widths."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from domain.media.limits import Limits
from domain.media.probe import Probe, Video
from domain.media.trouble import Failure, StepFailed
from domain.media.verdict import Code
from media_jobs.ffmpeg.blame import blamed
from media_jobs.ffmpeg.progress import Progress
from media_jobs.ffmpeg.sandbox import run
from media_jobs.ffmpeg.sharpness import Grey, chosen
from media_jobs.ffmpeg.sinks import Kept, Lines
from media_jobs.ffmpeg.source import bounds, opened
from media_jobs.watch import Part, Watch

WIDTHS = (240, 480, 720)
KINDS = ("webp", "jpg")
FRAMES = 48  # looked at, evenly over the episode
SHORTEST_STEP_S = 0.1
JUDGED_WIDTH = 180
JUDGED = 800  # permille of the work; the rest is drawing
UNTOLD_MS = 60_000  # looked at of a file that does not claim how long it is
_CANDIDATES, _PICTURES = "candidates.mkv", "pictures"
_QUIET = ("ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-y", "-loglevel", "error")
_CODERS = {
    "webp": ("-c:v", "libwebp", "-quality", "82", "-f", "webp"),
    "jpg": ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p", "-q:v", "3", "-f", "image2", "-update", "1"),
}


class Poster(NamedTuple):
    """A candidate.  `files`: WIDTHS x KINDS names below the target folder, `{number}-{width}.{kind}`.

    A source narrower than a width gives that file in its own width: nothing is upscaled.  `sharpness` is the variance
    of the Laplacian of the frame in grey (0..255), at 180 wide: comparable within one episode only.
    """

    number: int
    at_ms: int
    sharpness: float
    files: tuple[str, ...]


class _Look(NamedTuple):
    """How ffmpeg gets at the frames to judge: its options up to `-i`, and the filters that pick them."""

    inputs: Sequence[str]
    picked: str


def posters(
    source: Path, target: Path, probe: Probe, watch: Watch, *, count: int = 3, limits: Limits | None = None
) -> list[Poster]:
    """At most `count` candidates, the sharpest first, in `target`, which is made where it is not there.

    StepFailed(MEND, "all_black") where no frame has anything to show.
    """
    limits = limits or Limits()
    inputs = ("-t", str(limits.duration_ms / 1000 + 1), *opened(source, limits))
    picked = f"[0:V:0]fps=fps=1/{interval_s(probe, limits):.6f}:start_time=0,"
    return _posters(_Look(inputs, picked), target, probe, watch, count=count, limits=limits)


def of_pictures(
    pictures: Sequence[Path], target: Path, probe: Probe, watch: Watch, *, count: int = 3, limits: Limits | None = None
) -> list[Poster]:
    """The same of pictures (JPEG) that somebody else has taken every `interval_s` from its begin.  They are moved."""
    limits, folder = limits or Limits(), target / _PICTURES
    folder.mkdir(parents=True, exist_ok=True)
    for number, picture in enumerate(pictures):
        picture.rename(folder / f"{number:05d}.jpg")
    inputs = (
        *("-protocol_whitelist", "file,pipe", "-codec_whitelist", "mjpeg", "-max_pixels", str(limits.pixels)),
        *("-f", "image2", "-framerate", "1", "-i", f"file:{_PICTURES}/%05d.jpg"),
    )
    try:
        return _posters(_Look(inputs, "[0:V:0]"), target, probe, watch, count=count, limits=limits)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def interval_s(probe: Probe, limits: Limits) -> float:
    """Seconds from one moment that is looked at to the next; the first is 0, there are FRAMES."""
    return max(SHORTEST_STEP_S, min(probe.duration_ms or UNTOLD_MS, limits.duration_ms) / 1000 / FRAMES)


def _posters(look: _Look, target: Path, probe: Probe, watch: Watch, *, count: int, limits: Limits) -> list[Poster]:
    target.mkdir(parents=True, exist_ok=True)
    step_s = interval_s(probe, limits)
    try:
        frames = _candidates(look, target, probe, limits, watch=Part(watch, 0, JUDGED))
        best = chosen(frames, count) if len(frames) else []
        if not best:
            raise StepFailed(Failure.MEND, Code.ALL_BLACK, "No frame has anything to show on a poster.")
        return [
            Poster(
                number,
                round(1000 * one.number * step_s),
                one.sharpness,
                _drawn(target, probe, limits, number=number, frame=one.number, watch=part),
            )
            for number, (one, part) in enumerate(zip(best, _parts(watch, len(best)), strict=True))
        ]
    finally:
        (target / _CANDIDATES).unlink(missing_ok=True)


def _parts(watch: Watch, count: int) -> list[Part]:
    """One for each candidate that is drawn."""
    ends = [JUDGED + (1000 - JUDGED) * number // count for number in range(count + 1)]
    return [Part(watch, begin, end) for begin, end in pairwise(ends)]


def _candidates(look: _Look, target: Path, probe: Probe, limits: Limits, *, watch: Watch) -> Grey:
    """The frames to judge, in grey; beside them, without loss, the same frames as large as a poster is at most."""
    width, height = _scaled(probe.seen(), JUDGED_WIDTH)
    most = FRAMES + 2
    kept, progress = Kept((most + 1) * width * height), Progress(probe.duration_ms)
    large_width, large_height = _scaled(probe.seen(), max(WIDTHS))
    graph = (
        f"{look.picked}scale=w={large_width}:h={large_height}:flags=bicubic,setsar=1,"
        f"format=yuv420p,split[l][s];[s]scale=w={width}:h={height}:flags=area,format=gray[grey]"
    )
    argv = [
        *(*_QUIET, "-progress", "pipe:2", *look.inputs),
        *("-filter_complex", graph, "-map", "[grey]", "-frames:v", str(most), "-f", "rawvideo", "pipe:1"),
        *("-map", "[l]", "-frames:v", str(most), "-c:v", "ffv1", "-f", "matroska", _CANDIDATES),
    ]
    with blamed():
        run(
            argv,
            bounds(limits, probe.duration_ms),
            watch,
            out=kept,
            err=Lines(progress.line),
            permille=progress.permille,
            cwd=target,
        )
    return np.frombuffer(bytes(kept.body), dtype=np.uint8).reshape(-1, height, width)


def _drawn(target: Path, probe: Probe, limits: Limits, *, number: int, frame: int, watch: Watch) -> tuple[str, ...]:
    """The files of one candidate, all by one run."""
    picked, chains, outputs = f"[0:v]select=eq(n\\,{frame}),split={len(WIDTHS)}", [], []
    for width in WIDTHS:
        picked += f"[s{width}]"
        size = "scale=w={}:h={}:flags=bicubic,setsar=1".format(*_scaled(probe.seen(), width))
        chains.append(f"[s{width}]{size},split={len(KINDS)}" + "".join(f"[{kind}{width}]" for kind in KINDS))
        for kind in KINDS:
            outputs += ["-map", f"[{kind}{width}]", "-frames:v", "1", *_CODERS[kind], f"{number}-{width}.{kind}"]
    argv = [*_QUIET, "-i", f"file:{_CANDIDATES}", "-filter_complex", ";".join([picked, *chains]), *outputs]
    with blamed():
        run(argv, bounds(limits, 0), watch, cwd=target)
    return tuple(f"{number}-{width}.{kind}" for width in WIDTHS for kind in KINDS)


def _scaled(video: Video, width: int) -> tuple[int, int]:
    """(width, height), both even, in the shape of the picture; at most as wide as that."""
    width = max(2, min(width, video.width) // 2 * 2)
    return width, max(2, round(width * video.height / video.width / 2) * 2)
