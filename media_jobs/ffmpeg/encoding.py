"""Renditions made from a source: the encrypted ladder, by one decode, and the plain file for WeChat."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil
from pathlib import Path

from domain.media.ladder import SEGMENT_S, Encoded, Rung, mezzanine_of, rate_of
from domain.media.limits import Limits
from domain.media.probe import Probe
from domain.media.report import Report
from media_jobs.ffmpeg import hls
from media_jobs.ffmpeg.blame import blamed
from media_jobs.ffmpeg.levels import RATE, levelled
from media_jobs.ffmpeg.progress import Progress
from media_jobs.ffmpeg.sandbox import Ran, run
from media_jobs.ffmpeg.sinks import Lines
from media_jobs.ffmpeg.source import bounds, opened
from media_jobs.watch import Watch

MEZZANINE_FACTOR = 2  # of a rung's bit/s: WeChat encodes it once more


@dataclass(frozen=True)
class Settings:
    """How much CPU a rendition may cost for its size; `threads` of each encoder bound its memory."""

    preset: str = "veryfast"
    crf: int = 22  # quality aimed at, below the cap that the rung sets
    threads: int = 2


def encode_ladder(
    source: Path,
    target: Path,
    rungs: Sequence[Rung],
    keys: Mapping[str, bytes],
    *,
    probe: Probe,
    report: Report,
    watch: Watch,
    limits: Limits | None = None,
    settings: Settings | None = None,
) -> Encoded:
    """All rungs below `target`, which is emptied first, and its master playlist, written last.

    `keys`: 16 bytes by rung name, all different.  A source without sound gives renditions without.
    Raises StepFailed, ValueError (keys), what the watch raises; then nothing in `target` is worth keeping.
    """
    limits, settings = limits or Limits(), settings or Settings()
    ours = [rung if probe.audio else replace(rung, audio_bps=0) for rung in rungs]
    fps = rate_of(probe)
    hls.check_keys(ours, keys)
    _emptied(target, ours)
    outputs = [
        word
        for number, rung in enumerate(ours)
        for word in (*_encoders(number, rung, fps, settings), *hls.output(rung))
    ]
    argv = [*_input(source, limits), *_graph(ours, probe, report, fps), *outputs]
    ran = _run(argv, limits, report.decoded_ms, watch, cwd=target)
    with blamed():
        done, length_ms = hls.finish(target, ours, keys, fps, report.decoded_ms)
    return Encoded(tuple(done), fps, length_ms, ran.cpu_s)


def package(
    sources: Mapping[str, Path],
    target: Path,
    rungs: Sequence[Rung],
    keys: Mapping[str, bytes],
    *,
    probe: Probe,
    report: Report,
    watch: Watch,
    limits: Limits | None = None,
) -> Encoded:
    """The same from files that are encoded already, one a rung: pictures stay as they are, cut at their key frames.

    Their sound, as loud as the source's, is levelled and so encoded once more: a cloud's transcoding does not level.
    StepFailed(GIVE_UP, "not_aligned") where their key frames do not stand at the same instants.
    """
    limits, fps = limits or Limits(), rate_of(probe)
    ours = [rung if probe.audio else replace(rung, audio_bps=0) for rung in rungs]
    hls.check_keys(ours, keys)
    _emptied(target, ours)
    cpu_s = 0.0
    for rung in ours:
        argv = [*_input(sources[rung.name], limits), *_copied(rung, report), *hls.output(rung)]
        cpu_s += _run(argv, limits, report.decoded_ms, watch, cwd=target).cpu_s
    with blamed():
        done, length_ms = hls.finish(target, ours, keys, fps, report.decoded_ms)
    return Encoded(tuple(done), fps, length_ms, cpu_s)


def encode_mezzanine(
    source: Path,
    target: Path,
    *,
    probe: Probe,
    report: Report,
    watch: Watch,
    limits: Limits | None = None,
    settings: Settings | None = None,
) -> float:
    """One plain H.264/AAC MP4 at `target`, its index in front; CPU-s.  Raises as `encode_ladder` does."""
    limits, settings, fps = limits or Limits(), settings or Settings(), rate_of(probe)
    rung = mezzanine_of(probe)
    rung = replace(rung, video_bps=MEZZANINE_FACTOR * rung.video_bps, audio_bps=rung.audio_bps if probe.audio else 0)
    argv = [
        *(*_input(source, limits), *_graph([rung], probe, report, fps), *_encoders(0, rung, fps, settings)),
        *("-map_metadata", "-1", "-map_chapters", "-1", "-movflags", "+faststart", "-f", "mp4"),
        f"file:{target.absolute()}",
    ]
    return _run(argv, limits, report.decoded_ms, watch).cpu_s


def _emptied(target: Path, rungs: Sequence[Rung]) -> None:
    shutil.rmtree(target, ignore_errors=True)
    for rung in rungs:
        (target / rung.name).mkdir(parents=True)


def _input(source: Path, limits: Limits) -> list[str]:
    """Where reading errors end it: by then the file was decoded whole once, so the disk is to blame."""
    longest = str(limits.duration_ms / 1000 + 1)
    return [
        *("ffmpeg", "-hide_banner", "-nostdin", "-nostats", "-y", "-loglevel", "error", "-progress", "pipe:1"),
        *("-filter_complex_threads", "2"),
        *("-t", longest, *opened(source, limits)),
    ]


def _graph(rungs: Sequence[Rung], probe: Probe, report: Report, fps: Fraction) -> list[str]:
    """One decode, one rate, one levelling; only then a copy for each rung: [v0], [a0], [v1], ..."""
    count, deinterlaced = len(rungs), "yadif," if probe.seen().interlaced else ""
    split = "".join(f"[s{number}]" for number in range(count))
    chains = [f"[0:V:0]{deinterlaced}fps=fps={fps}:start_time=0,split={count}{split}"]
    for number, rung in enumerate(rungs):
        size = f"scale=w={rung.width}:h={rung.height}:flags=bicubic"
        chains.append(f"[s{number}]{size},setsar=1,format=yuv420p[v{number}]")
    if probe.audio:
        sounds = "".join(f"[a{number}]" for number in range(count))
        chains.append(f"[0:a:0]{levelled(report.loudness)},asplit={count}{sounds}")
    return ["-filter_complex", ";".join(chains)]


def _encoders(number: int, rung: Rung, fps: Fraction, settings: Settings) -> list[str]:
    """Key frames stand where they are forced, every 2 s of the common time, and nowhere else: the same in all rungs."""
    sound = ("-map", f"[a{number}]", *_sound(rung))
    return [
        *("-map", f"[v{number}]", "-c:v", "libx264", "-preset", settings.preset, "-profile:v", "high"),
        *("-crf", str(settings.crf), "-maxrate", str(rung.video_bps), "-bufsize", str(rung.video_bps)),
        *("-threads:v", str(settings.threads), "-g", str(ceil(SEGMENT_S * fps) + 1), "-sc_threshold", "0"),
        *("-force_key_frames", f"expr:gte(t,n_forced*{SEGMENT_S})", "-forced-idr", "1", "-flags", "+cgop"),
        *(sound if rung.audio_bps else ()),
    ]


def _copied(rung: Rung, report: Report) -> list[str]:
    levels = ("-map", "0:a:0", "-af", levelled(report.loudness), *_sound(rung))
    return ["-map", "0:V:0", "-c:v", "copy", *(levels if rung.audio_bps else ())]


def _sound(rung: Rung) -> tuple[str, ...]:
    return ("-c:a", "aac", "-b:a", str(rung.audio_bps), "-ar", str(RATE), "-ac", "2")


def _run(
    argv: Sequence[str],
    limits: Limits,
    duration_ms: int,
    watch: Watch,
    *,
    cwd: Path | None = None,
) -> Ran:
    progress = Progress(duration_ms)
    with blamed():
        return run(
            argv,
            bounds(limits, duration_ms),
            watch,
            out=Lines(progress.line),
            permille=progress.permille,
            cwd=cwd,
        )
