"""Processing by ffmpeg on this machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain.media.ladder import Encoded, Rung
from domain.media.limits import Limits
from domain.media.probe import Probe
from domain.media.report import Report
from media_jobs.engine import Storage, Stored, Task
from media_jobs.ffmpeg import encoding
from media_jobs.on_this_machine import FETCHED, OnThisMachine
from media_jobs.watch import Part, Watch

ENCODED = 900  # permille of `mezzanine`; the rest is storing it


class LocalProcessing(OnThisMachine):
    """Each call begins anew: what an earlier one left was in its folder, which is gone."""

    def __init__(
        self, storage: Storage, limits: Limits | None = None, settings: encoding.Settings | None = None
    ) -> None:
        super().__init__(storage, limits)
        self._settings = settings

    def ladder(
        self,
        task: Task,
        probe: Probe,
        report: Report,
        rungs: Sequence[Rung],
        *,
        keys: Mapping[str, bytes],
        watch: Watch,
    ) -> Encoded:
        """See Processing."""
        source, target = self._fetched(task, watch), task.work / "hls"
        return encoding.encode_ladder(
            source, target, rungs, keys,
            probe=probe, report=report, watch=Part(watch, FETCHED, 1000), limits=self.limits, settings=self._settings,
        )  # fmt: skip

    def mezzanine(self, task: Task, probe: Probe, report: Report, watch: Watch) -> Stored:
        """See Processing."""
        source, made = self._fetched(task, watch), task.work / "mezzanine.mp4"
        encoding.encode_mezzanine(
            source, made,
            probe=probe, report=report, watch=Part(watch, FETCHED, ENCODED), limits=self.limits,
            settings=self._settings,
        )  # fmt: skip
        return self.storage.put(task.mezzanine, made, "video/mp4", Part(watch, ENCODED, 1000))
