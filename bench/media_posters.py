"""What posters cost a worker: its own frames of a source that is here, or pictures that CI has taken (JPEG, 720 wide).

    python -m bench.media_posters [seconds]

CPU and time of each, once, on this machine; the pictures are taken by ffmpeg here and are not counted: CI takes them.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from domain.media.limits import Limits
from domain.media.probe import Probe
from media_jobs.ffmpeg.posters import FRAMES, WIDTHS, interval_s, of_pictures, posters
from media_jobs.ffmpeg.probing import probe
from media_jobs.watch import Unwatched

LOOP_S = 5
SIZE, RATE = "1080x1920", 30
LIMITS, WATCH = Limits(), Unwatched()


def run(folder: Path, seconds: int) -> None:
    """Print both."""
    clip = _clip(folder, seconds)
    its = probe(clip, LIMITS, WATCH)
    pictures = _taken(folder, clip, its)
    print(f"{seconds} s of {SIZE}, {clip.stat().st_size >> 20} MB; {FRAMES} moments")
    _told("own frames of the file", lambda: posters(clip, folder / "own", its, WATCH))
    print(f"{'pictures fetched':<28} {sum(path.stat().st_size for path in pictures) / 1e6:.1f} MB")
    _told("pictures of CI", lambda: of_pictures(pictures, folder / "ci", its, WATCH))


def _clip(folder: Path, seconds: int) -> Path:
    """Moving, with grain, so that its frames cost what those of a film do."""
    short, long = folder / "short.mp4", folder / "long.mp4"
    picture = f"testsrc2=s={SIZE}:r={RATE}:d={LOOP_S},noise=alls=20:allf=t"
    coded = ("-c:v", "libx264", "-preset", "veryfast", "-b:v", "8M", "-pix_fmt", "yuv420p")
    _ffmpeg("-f", "lavfi", "-i", picture, *coded, str(short))
    _ffmpeg("-stream_loop", str(seconds // LOOP_S - 1), "-i", str(short), "-c", "copy", str(long))
    return long


def _taken(folder: Path, clip: Path, its: Probe) -> list[Path]:
    graph = f"fps=1/{interval_s(its, LIMITS):.3f}:start_time=0,scale={max(WIDTHS)}:-2"
    _ffmpeg("-i", str(clip), "-vf", graph, "-frames:v", str(FRAMES), "-q:v", "3", f"{folder}/taken-%03d.jpg")
    return sorted(folder.glob("taken-*.jpg"))


def _told(name: str, work: Callable[[], object]) -> None:
    began, before = time.monotonic(), _cpu_s()
    work()
    print(f"{name:<28} {_cpu_s() - before:.1f} CPU-s, {time.monotonic() - began:.1f} s")


def _cpu_s() -> float:
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)


def _ffmpeg(*arguments: str) -> None:
    subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments], check=True, stdin=subprocess.DEVNULL)


if __name__ == "__main__":
    with TemporaryDirectory() as place:
        run(Path(place), int(sys.argv[1]) if len(sys.argv) > 1 else 90)
