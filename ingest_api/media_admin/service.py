"""Media jobs for staff.  The queue is MySQL's: every call is made in a thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from domain.media import wechat_name
from domain.media.steps import Kind
from infra import logs
from infra.media.job import JobFilter, JobView, Submission
from infra.media.port import Jobs
from ingest_api.errors import Unprocessable
from ingest_api.events.service import CatalogueSource
from ingest_api.media_admin import uploads
from ingest_api.media_admin.answers import JobAnswer, JobPage, UploadAnswer
from ingest_api.media_admin.asked import by_staff, known_episode
from ingest_api.media_admin.errors import NotUploaded
from ingest_api.media_admin.hints import Hint
from ingest_api.media_admin.orders import NewJob, NewUpload
from ingest_api.media_admin.told import told
from ingest_api.media_admin.uploads import Uploads
from ingest_api.threads import Threads

T = TypeVar("T")
log = logs.get(__name__)


class MediaAdmin:
    """One a process.  Every call may raise JobsUnavailable."""

    def __init__(
        self,
        jobs: Jobs,
        catalogue: CatalogueSource,
        places: Uploads,
        *,
        threads: Threads,
        now_ms: Callable[[], int],
    ) -> None:
        self._jobs = jobs
        self._catalogue = catalogue
        self._uploads = places
        self._threads = threads
        self._now_ms = now_ms

    async def submit(self, admin: int, wanted: NewJob) -> int:
        """The id of a new job.  Raises UnknownEpisode, NotUploaded, JobActive, JobDone, Unprocessable."""
        drama = known_episode(self._catalogue.current, wanted.drama_id, wanted.episode_no)
        if not uploads.is_of(wanted.drama_id, wanted.episode_no, wanted.source):
            raise NotUploaded
        title = wanted.title or drama.title
        if wanted.wechat and (why := wechat_name.trouble(title)):
            raise Unprocessable(why)
        what = Submission(
            Kind.EPISODE, wanted.drama_id, wanted.episode_no, wanted.source, title, wanted.wechat,
            wanted.content_hash, wanted.again,
        )  # fmt: skip
        job_id = await self._ask(partial(self._jobs.submit, what, by_staff(admin)))
        log.info("a media job was begun", admin=admin, job_id=job_id, kind=Kind.EPISODE.value)
        return job_id

    async def page(self, which: JobFilter, after: int, count: int) -> JobPage:
        """At most `count` jobs above the id `after`."""
        found = await self._ask(partial(self._jobs.jobs, which, after, count))
        more = found[-1].job.job_id if len(found) == count else None
        return JobPage(jobs=[JobAnswer.of(view) for view in found], next_after=more)

    async def job(self, job_id: int) -> JobAnswer:
        """One job.  Raises UnknownJob."""
        return JobAnswer.of(await self._view(job_id))

    async def cancel(self, admin: int, job_id: int) -> JobAnswer:
        """End it; the job afterwards.  Raises UnknownJob, JobNotNow."""
        await self._ask(partial(self._jobs.cancel, job_id, by_staff(admin)))
        log.info("a media job was cancelled", admin=admin, job_id=job_id)
        return JobAnswer.of(await self._view(job_id))

    async def retry(self, admin: int, job_id: int) -> JobAnswer:
        """Do once more what failed; the job afterwards.  Raises UnknownJob, JobNotNow, JobActive."""
        await self._ask(partial(self._jobs.retry, job_id, by_staff(admin)))
        log.info("a media job is done again", admin=admin, job_id=job_id)
        return JobAnswer.of(await self._view(job_id))

    def upload(self, wanted: NewUpload) -> UploadAnswer:
        """Where to send a file.  Raises UnknownEpisode, NoStorage."""
        known_episode(self._catalogue.current, wanted.drama_id, wanted.episode_no)
        key = uploads.episode_key(wanted.drama_id, wanted.episode_no, wanted.name)
        return UploadAnswer.of(self._uploads.at(key, wanted.size, self._now_ms() // 1000))

    async def wake(self, found: list[Hint]) -> None:
        """Let the worker ask again about these."""
        for hint in found:
            await self._ask(partial(self._jobs.wake, hint.job_id, hint.step))

    async def _view(self, job_id: int) -> JobView:
        return await self._ask(partial(self._jobs.job, job_id))

    async def _ask(self, call: Callable[[], T]) -> T:
        return await self._threads.run(partial(told, call))
