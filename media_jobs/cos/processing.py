"""Processing by Tencent CI: it encodes; what it cannot do - looking at the whole file, our keys - is done here.

Posters are chosen here from pictures that CI takes (Snapshot): the whole file is here by then, but to decode it once
more for 48 frames takes the worker's cores, which are what is scarce (bench/media_posters.py, docs/media-cloud.md).

CI's own HLS encryption has one key a job, kept by Tencent; ours has a key a rung, kept by us.  So CI makes one plain
file a rung, which is cut at its key frames and encrypted here, its picture as it is.  CI does not level loudness
either: the ladder's sound is levelled here; the mezzanine, which WeChat encodes once more, keeps its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

from domain.media.ladder import SEGMENT_S, Encoded, Rung, mezzanine_of, rate_of
from domain.media.limits import Limits
from domain.media.probe import Probe
from domain.media.report import Report
from media_jobs.cos.failures import Refused, Transient
from media_jobs.cos.jobs import Ci, Jobs
from media_jobs.cos.wanted import NUMBER, Wanted
from media_jobs.engine import Posters, Storage, Stored, Task
from media_jobs.ffmpeg import encoding
from media_jobs.ffmpeg import posters as poster
from media_jobs.on_this_machine import OnThisMachine
from media_jobs.watch import Part, Watch

MADE, FETCHED = 600, 800  # permille of `ladder`
READ = 900  # permille of what CI does
TAKEN = 600  # permille of `posters`; until FETCHED the pictures come here
PICTURE_BYTES = 4 << 20  # of one picture, 720 wide
NARROWEST, WIDEST = 128, 4_096  # that CI takes pictures in
GONE = "what CI had made is gone, it is made anew"
SAMPLE_RATE = 48_000


class CosProcessing(OnThisMachine):
    """`extras` is told how many jobs too many were found and deleted."""

    paid = True

    def __init__(
        self, ci: Ci, storage: Storage, extras: Callable[[int], None] = lambda _: None, limits: Limits | None = None
    ) -> None:
        super().__init__(storage, limits)
        self._ci, self._extras = ci, extras

    def probe(self, task: Task, watch: Watch) -> Probe:
        """See Processing.  CI is asked too: what it cannot read it would fail later, for money."""
        probe = super().probe(task, watch)
        try:
            self._ci.cos.ask("get_media_info", watch, 1000, Key=task.source)
        except Refused as refused:
            if refused.reason == "not_found":
                raise
            raise Refused("ci_cannot_read", refused.code, f"encode the file anew: {refused.text}") from refused
        return probe

    def ladder(
        self, task: Task, probe: Probe, report: Report, rungs: Sequence[Rung], *,
        keys: Mapping[str, bytes], watch: Watch,
    ) -> Encoded:  # fmt: skip
        """See Processing."""
        fps, sound = rate_of(probe), probe.audio is not None
        wanted = [
            Wanted(rung.name, transcode(rung, fps, sound=sound), f"{task.on_the_way}-{rung.name}.mp4") for rung in rungs
        ]
        jobs = Jobs(self._ci, task)
        outputs = self._done(task, jobs, wanted, Part(watch, 0, MADE))
        files = self._fetch_all(task, jobs, outputs, Part(watch, MADE, FETCHED))
        return encoding.package(
            files, task.work / "hls", rungs, keys,
            probe=probe, report=report, watch=Part(watch, FETCHED, 1000), limits=self.limits,
        )  # fmt: skip

    def mezzanine(self, task: Task, probe: Probe, report: Report, watch: Watch) -> Stored:  # noqa: ARG002 - see Processing
        """See Processing.  CI writes it where it stays; a second job would only write the same once more."""
        rung = mezzanine_of(probe)
        rung = replace(rung, video_bps=encoding.MEZZANINE_FACTOR * rung.video_bps)
        operation = transcode(rung, rate_of(probe), sound=probe.audio is not None)
        jobs = Jobs(self._ci, task)
        self._done(task, jobs, [Wanted("mezzanine", operation, task.mezzanine)], watch)
        there = self.storage.head(task.mezzanine)
        if there is None:
            jobs.forget("mezzanine")
            raise Transient("ci_output_gone", GONE)
        return there

    def posters(self, task: Task, probe: Probe, watch: Watch) -> Posters:
        """See Processing.  One job takes all pictures; STORE deletes them with all else that is on the way."""
        jobs, wanted = Jobs(self._ci, task), snapshot(task, probe, self.limits)
        (output,) = self._made(jobs, [wanted], Part(watch, 0, TAKEN)).values()
        pictures = self._pictures(task, output, Part(watch, TAKEN, FETCHED))
        if not pictures:
            jobs.forget(wanted.name)
            raise Transient("ci_output_gone", GONE)
        jobs.refuse_changed(watch)
        target, rest = task.work / "posters", Part(watch, FETCHED, 1000)
        return Posters(poster.of_pictures(pictures, target, probe, rest, limits=self.limits), len(pictures))

    def drop(self, task: Task, watch: Watch) -> bool:
        """See Processing.  A mezzanine that CI had begun stays where it belongs: another job may have made the same."""
        return Jobs(self._ci, task).drop(watch)

    def _done(self, task: Task, jobs: Jobs, wanted: Sequence[Wanted], watch: Watch) -> dict[str, str]:
        """CI reads the source by itself, so that it is still the one that was looked at is asked when CI is done."""
        outputs = self._made(jobs, wanted, Part(watch, 0, READ))
        if task.content_hash:
            self.source(task, Part(watch, READ, 1000))
        return outputs

    def _made(self, jobs: Jobs, wanted: Sequence[Wanted], watch: Watch) -> dict[str, str]:
        outputs = jobs.done(wanted, watch)
        if jobs.extras:
            self._extras(jobs.extras)
        return outputs

    def _pictures(self, task: Task, output: str, watch: Watch) -> list[Path]:
        """What CI has taken, in its order: its numbers have as many digits as they need."""
        before, _, after = output.partition(NUMBER)
        keys = [key for key in self.storage.keys(before, 2 * poster.FRAMES) if key.endswith(after)]
        pictures = []
        for number, key in enumerate(sorted(keys, key=lambda key: (len(key), key))[: poster.FRAMES]):
            pictures.append(task.work / f"picture-{number}.jpg")
            part = Part(watch, 1000 * number // len(keys), 1000 * (number + 1) // len(keys))
            self.storage.fetch(key, pictures[-1], PICTURE_BYTES, part)
        return pictures

    def _fetch_all(self, task: Task, jobs: Jobs, outputs: Mapping[str, str], watch: Watch) -> dict[str, Path]:
        files, share = {}, 1000 // len(outputs)
        for number, (name, key) in enumerate(outputs.items()):
            files[name] = task.work / f"ci-{name}.mp4"
            part = Part(watch, number * share, (number + 1) * share)
            try:
                self.storage.fetch(key, files[name], self.limits.file_bytes, part)
            except Refused as refused:
                jobs.forget(name)
                raise Transient("ci_output_gone", GONE) from refused
        return files


def transcode(rung: Rung, fps: Fraction, *, sound: bool) -> dict[str, Any]:
    """CI's words for a plain file of this rung, a key frame every 2 s.  Without Audio CI leaves the sound out.

    Source: cloud.tencent.com/document/product/460/84790 and 436/85032 (bit rates in kbit/s, Gop in frames).
    """
    video = {
        "Codec": "H.264", "Profile": "high", "Preset": "medium", "Pixfmt": "yuv420p",
        "Width": str(rung.width), "Height": str(rung.height), "Bitrate": str(rung.video_bps // 1000),
        "Fps": f"{float(fps):.3f}", "Gop": str(ceil(SEGMENT_S * fps)),
    }  # fmt: skip
    audio = {
        "Codec": "aac", "Samplerate": str(SAMPLE_RATE), "Channels": "2", "Bitrate": str(rung.audio_bps // 1000),
    }  # fmt: skip
    how = {"AdjDarMethod": "scale", "IsCheckReso": "false", "DeleteMetadata": "true"}
    made = {"Container": {"Format": "mp4"}, "Video": video, "TransConfig": how}
    return {"Transcode": {**made, "Audio": audio} if sound else made}


def snapshot(task: Task, probe: Probe, limits: Limits) -> Wanted:
    """CI's words for pictures at the moments that posters are chosen from, as wide as a poster is at most.

    Source: cloud.tencent.com/document/product/460/84723 (times in s; with the width alone the shape stays).
    """
    width = min(max(poster.WIDTHS), probe.seen().width)
    taken = {
        "Mode": "Interval", "Start": "0", "TimeInterval": f"{poster.interval_s(probe, limits):.3f}",
        "Count": str(poster.FRAMES), **({"Width": str(width)} if NARROWEST <= width <= WIDEST else {}),
    }  # fmt: skip
    output = f"{task.on_the_way}-posters-{NUMBER}.jpg"
    return Wanted("posters", {"Snapshot": taken}, output, "Snapshot")
