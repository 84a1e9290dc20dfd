"""Events of WeChat as hints: the step that waits for what happened asks at once, not in a quarter of an hour."""

from __future__ import annotations

from domain.media.steps import JobState, Kind, Step
from domain.media.wechat_event import Audited, Event, Uploaded
from infra.media.drama_book import DramaBook
from infra.media.job import MAX_LISTED, JobFilter
from infra.media.port import Jobs


class Hints:
    """Blocks; call it in a thread.  An event that is lost, repeated or invented changes nothing but when we ask."""

    def __init__(self, jobs: Jobs, dramas: DramaBook) -> None:
        self._jobs, self._dramas = jobs, dramas

    def take(self, event: Event) -> int:
        """How many steps were woken.  Raises Wait (MySQL)."""
        match event:
            case Uploaded(job_id=job_id):
                self._jobs.wake(job_id, Step.PULL)
                return 1
            case Audited():
                return self._audited(event)

    def _audited(self, event: Audited) -> int:
        drama_id = self._dramas.drama_of(event.platform_id)
        if drama_id is None:
            return 0
        kind, step = (Kind.REPLACEMENT, Step.REPLACE) if event.replacement else (Kind.DRAMA, Step.AUDIT)
        active = self._jobs.jobs(JobFilter(JobState.ACTIVE, kind, drama_id), 0, MAX_LISTED)
        for view in active:
            self._jobs.wake(view.job.job_id, step)
        return len(active)
