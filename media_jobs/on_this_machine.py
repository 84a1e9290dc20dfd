"""What both engines do here, with ffmpeg: fetch the source, look at it, choose posters."""

from __future__ import annotations

from pathlib import Path

from domain.media.limits import Limits
from domain.media.probe import Probe
from domain.media.report import Report
from domain.media.trouble import Failure, StepFailed
from media_jobs.engine import Posters, Storage, Task
from media_jobs.ffmpeg import inspection, probing
from media_jobs.ffmpeg import posters as poster
from media_jobs.ffmpeg.source import content_hash
from media_jobs.watch import Part, Watch

FETCHED = 300  # permille of a call that needs the source: where it is here already this goes by at once
COPIED = 700  # permille of `source`; the rest is comparing it


class OnThisMachine:
    """Needs the whole file, so it is fetched, once a task."""

    paid = False

    def __init__(self, storage: Storage, limits: Limits | None = None) -> None:
        self.storage, self.limits = storage, limits or Limits()

    def source(self, task: Task, watch: Watch) -> Path:
        """See Processing.  The ending of the key stays: the probe tells where it lies."""
        path = task.work / f"source{Path(task.source).suffix}"
        if not path.exists():
            self.storage.fetch(task.source, path, self.limits.file_bytes, Part(watch, 0, COPIED))
            self._same(task, path, Part(watch, COPIED, 1000))
        return path

    def probe(self, task: Task, watch: Watch) -> Probe:
        """See Processing."""
        return probing.probe(self._fetched(task, watch), self.limits, Part(watch, FETCHED, 1000))

    def inspect(self, task: Task, probe: Probe, watch: Watch) -> Report:
        """See Processing."""
        return inspection.inspect(self._fetched(task, watch), probe, self.limits, Part(watch, FETCHED, 1000))

    def posters(self, task: Task, probe: Probe, watch: Watch) -> Posters:
        """See Processing."""
        source, rest = self._fetched(task, watch), Part(watch, FETCHED, 1000)
        return Posters(poster.posters(source, task.work / "posters", probe, rest, limits=self.limits))

    def drop(self, task: Task, watch: Watch) -> bool:  # noqa: ARG002 - see Processing
        """See Processing.  What was begun here ended with the step."""
        return True

    def _same(self, task: Task, path: Path, watch: Watch) -> None:
        """Raises StepFailed where it is not the file any more that was looked at; nothing of it is left then."""
        if task.content_hash and content_hash(path, self.limits, watch) != task.content_hash:
            path.unlink()
            text = f"{task.source} was changed while the job ran: submit the episode again"
            raise StepFailed(Failure.MEND, "source_changed", text)

    def _fetched(self, task: Task, watch: Watch) -> Path:
        return self.source(task, Part(watch, 0, FETCHED))
