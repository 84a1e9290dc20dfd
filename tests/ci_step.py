"""One step at CI: a stand-in, a clip in its bucket, and what the step noted, kept from one try to the next."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from domain.media.ladder import Rung
from domain.media.limits import Limits
from media_jobs.cos.jobs import Ci
from media_jobs.cos.processing import CosProcessing
from media_jobs.cos.storage import CosStorage
from media_jobs.crc64 import crc64_of
from media_jobs.engine import Task
from media_jobs.ffmpeg import inspection, probing
from media_jobs.watch import Unwatched
from tests.standins.cos import CosStandIn
from tests.storages import cos_of

SOURCE = "incoming/7/1/clip.mp4"
HASH = "0123456789ab"
WATCH = Unwatched()
LONG_S = 6_000.0  # a hundredth of it by the clock
NAMES = ("360p", "540p")
RUNGS = [Rung(name, width, 2 * width, 200_000, 64_000) for name, width in zip(NAMES, (90, 160), strict=True)]
KEYS = {name: bytes([number]) * 16 for number, name in enumerate(NAMES)}


def made_clip(path: Path) -> Path:
    """3 s, 180 wide, a tone."""
    made = ("-f", "lavfi", "-i", "testsrc2=s=180x320:r=10:d=3", "-f", "lavfi", "-i", "sine=d=3", "-preset", "ultrafast")
    subprocess.run(["ffmpeg", "-v", "error", *made, path], check=True, timeout=60)
    return path


def looked_at(clip: Path) -> Any:
    """Its probe, its report and the rungs that are made of it."""
    probe = probing.probe(clip, Limits(), WATCH)
    return probe, inspection.inspect(clip, probe, Limits(), WATCH), RUNGS


class Step:
    """One step as the queue has it: what it noted is there at its next try, which has a higher token.

    `rounds`: how often a person has said "again".  `late_ms`: how far its clock is ahead.
    """

    def __init__(self, stand_in: CosStandIn, seen: Any, clip: Path, folder: Path, job_id: int = 1) -> None:
        self.job_id = job_id
        self.probe, self.report, self.rungs = seen
        self.stand_in, self.extras, self.patience_s = stand_in, 0, LONG_S
        self.noted: dict[str, Any] = {}
        self.rounds, self.late_ms = 0, 0
        self._folder, self._token = folder, 0
        self.storage = CosStorage(cos_of(stand_in))
        self.storage.put(SOURCE, clip, "video/mp4", WATCH)
        self.crc64 = str(crc64_of(clip))

    def task(self, source: str = SOURCE, **others: Any) -> Task:
        self._token += 1
        work = self._folder / f"work-{self.job_id}-{self._token}"
        work.mkdir()
        known = {"noted": dict(self.noted), "note": self._note, "rounds": self.rounds, **others}
        return Task(self.job_id, "ladder", self._token, source, 7, 1, HASH, work, **known)

    def ladder(self, task: Task | None = None, watch: Any = WATCH) -> Any:
        task = task or self.task()
        made = self.processing().ladder(task, self.probe, self.report, self.rungs, keys=KEYS, watch=watch)
        return task.work / "hls", made

    def processing(self) -> CosProcessing:
        now_ms = lambda: int(time.time() * 1000) + self.late_ms  # noqa: E731
        return CosProcessing(Ci(cos_of(self.stand_in), now_ms, patience_s=self.patience_s), self.storage, self._count)

    def begun(self) -> list[str]:
        """What CI was asked for, by name."""
        return sorted(job.operation["UserData"].split(":")[6] for job in self.stand_in.ci.jobs.values())

    def states(self) -> list[str]:
        """How CI's jobs stand."""
        return sorted(job.state for job in self.stand_in.ci.jobs.values())

    def _note(self, facts: Mapping[str, Any]) -> None:
        self.noted.update(facts)

    def _count(self, extras: int) -> None:
        self.extras += extras
