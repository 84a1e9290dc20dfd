"""A whole file decoded once: is all there, how loud is it, where is it black or silent.  See domain.media.report."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

from domain.media.limits import Limits
from domain.media.probe import Probe
from domain.media.report import SPANS, Loudness, Report, Span
from domain.media.trouble import Failure, StepFailed
from domain.media.verdict import Code
from media_jobs.ffmpeg.blame import blamed
from media_jobs.ffmpeg.levels import MEASURE
from media_jobs.ffmpeg.progress import Progress
from media_jobs.ffmpeg.sandbox import run
from media_jobs.ffmpeg.sinks import Lines
from media_jobs.ffmpeg.source import bounds, opened
from media_jobs.watch import Watch

_BLACK = "blackdetect=d=0.5:pic_th=0.98:pix_th=0.10"
_SILENT = "silencedetect=noise=-50dB:d=1"
_NUMBER = r"(-?[0-9]+(?:\.[0-9]+)?)"
_SAYS = (
    r"^\[(?:Parsed_)?\w+(?:_\d+)? @ 0x[0-9a-f]+\] \[info\] "  # a file's own tags are indented: they cannot pose as it
)
_BLACK_SPAN = re.compile(_SAYS + rf"black_start:\s*{_NUMBER} black_end:\s*{_NUMBER}")
_SILENCE_END = re.compile(_SAYS + rf"silence_end:\s*{_NUMBER} \| silence_duration:\s*{_NUMBER}")
_MEASURED = re.compile(r'^\s*"(input_\w+)" : "(-?(?:[0-9.]+|inf|nan))"')
_ERROR = re.compile(r"^(?:\[[^\]]*\] )?\[(?:error|fatal|panic)\] ")


def inspect(path: Path, probe: Probe, limits: Limits, watch: Watch) -> Report:
    """Decodes all of it, at most a second past the limit.  StepFailed(MEND) where that cannot be done at all."""
    if probe.video is None:
        raise StepFailed(Failure.MEND, Code.NO_VIDEO, "There is no picture in the file.")
    heard, progress = _Heard(), Progress(min(probe.duration_ms, limits.duration_ms))
    with blamed(on_slow=Failure.MEND):
        run(
            _argv(path, probe, limits),
            bounds(limits, probe.duration_ms or limits.duration_ms),
            watch,
            out=Lines(progress.line),
            err=Lines(heard.line),
            permille=progress.permille,
        )
    return heard.report(progress)


def _argv(path: Path, probe: Probe, limits: Limits) -> list[str]:
    """`passthrough`: a hole in time must not be filled with frames."""
    longest = str(limits.duration_ms / 1000 + 1)
    sound = ["-map", "0:a:0", "-af", f"{_SILENT},{MEASURE}"] if probe.audio else []
    return [
        *("ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-loglevel", "repeat+level+info"),
        *("-progress", "pipe:1", "-t", longest, *opened(path, limits)),
        *("-map", "0:V:0", "-vf", _BLACK, "-fps_mode:v", "passthrough", *sound),
        *("-f", "null", "-"),
    ]


@dataclass
class _Heard:
    """What ffmpeg says while it decodes, line by line."""

    black: list[Span] = field(default_factory=list)
    silent: list[Span] = field(default_factory=list)
    measured: dict[str, float] = field(default_factory=dict)
    damaged: int = 0

    def line(self, text: str) -> None:
        if found := _BLACK_SPAN.match(text):
            self._span(self.black, float(found[1]), float(found[2]))
        elif found := _SILENCE_END.match(text):
            self._span(self.silent, float(found[1]) - float(found[2]), float(found[1]))
        elif found := _MEASURED.match(text):
            self.measured[found[1]] = float(found[2])
        elif _ERROR.match(text):
            self.damaged += 1

    def report(self, progress: Progress) -> Report:
        return Report(
            decoded_ms=progress.out_ms,
            frames=progress.frames,
            damaged=self.damaged,
            loudness=self._loudness(),
            black=tuple(self.black),
            silent=tuple(self.silent),
        )

    def _loudness(self) -> Loudness | None:
        """None where nothing was loud enough to be measured: the gate is at -70 LUFS."""
        found = [self.measured.get(name, math.nan) for name in ("input_i", "input_tp", "input_lra", "input_thresh")]
        return Loudness(*found) if all(map(math.isfinite, found)) and found[0] > -70 else None

    @staticmethod
    def _span(spans: list[Span], from_s: float, to_s: float) -> None:
        if len(spans) < SPANS:
            spans.append(Span(max(0, round(1000 * from_s)), max(0, round(1000 * to_s))))
