"""Media jobs for staff.  The queue is MySQL's: every call is made in a thread."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from domain.media import names
from domain.media.orders import By, Surface
from domain.media.steps import Kind
from infra import logs
from infra.fold_store import Wait
from infra.media import job as jobs_said
from infra.media.job import JobFilter, JobView, Submission
from infra.media.port import Jobs
from infra.media.transaction import NotMigrated
from ingest_api.errors import UnknownEpisode, Unprocessable
from ingest_api.events.service import CatalogueSource
from ingest_api.media_admin.answers import JobAnswer, JobPage, UploadAnswer
from ingest_api.media_admin.errors import JobActive, JobDone, JobNotNow, JobsUnavailable, NotUploaded, UnknownJob
from ingest_api.media_admin.hints import Hint
from ingest_api.media_admin.orders import NewJob, NewUpload
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
        uploads: Uploads,
        *,
        threads: Threads,
        now_ms: Callable[[], int],
    ) -> None:
        self._jobs = jobs
        self._catalogue = catalogue
        self._uploads = uploads
        self._threads = threads
        self._now_ms = now_ms

    async def submit(self, admin: int, wanted: NewJob) -> int:
        """The id of a new job.  Raises UnknownEpisode, NotUploaded, JobActive, JobDone, Unprocessable."""
        self._known(wanted.drama_id, wanted.episode_no)
        if wanted.kind is not Kind.DRAMA and not _is_upload(wanted):
            raise NotUploaded
        what = Submission(
            wanted.kind, wanted.drama_id, wanted.episode_no, wanted.source, wanted.title, wanted.wechat,
            wanted.content_hash, wanted.again,
        )  # fmt: skip
        job_id = await self._ask(partial(self._jobs.submit, what, _by(admin)))
        log.info("a media job was begun", admin=admin, job_id=job_id, kind=wanted.kind.value)
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
        await self._ask(partial(self._jobs.cancel, job_id, _by(admin)))
        log.info("a media job was cancelled", admin=admin, job_id=job_id)
        return JobAnswer.of(await self._view(job_id))

    async def retry(self, admin: int, job_id: int) -> JobAnswer:
        """Do once more what failed; the job afterwards.  Raises UnknownJob, JobNotNow, JobActive."""
        await self._ask(partial(self._jobs.retry, job_id, _by(admin)))
        log.info("a media job is done again", admin=admin, job_id=job_id)
        return JobAnswer.of(await self._view(job_id))

    def upload(self, wanted: NewUpload) -> UploadAnswer:
        """Where to send a file.  Raises UnknownEpisode, NoStorage."""
        self._known(wanted.drama_id, wanted.episode_no)
        key, address, expires_ms = self._uploads.new(wanted, self._now_ms() // 1000)
        return UploadAnswer(key=key, method="PUT", address=address, expires_ms=expires_ms)

    async def wake(self, found: list[Hint]) -> None:
        """Let the worker ask again about these."""
        for hint in found:
            await self._ask(partial(self._jobs.wake, hint.job_id, hint.step))

    async def _view(self, job_id: int) -> JobView:
        return await self._ask(partial(self._jobs.job, job_id))

    def _known(self, drama_id: int, episode_no: int) -> None:
        """What the catalogue does not have would be made for hours and then find no place.  Raises UnknownEpisode."""
        drama = self._catalogue.current.drama(drama_id)
        if drama is None or episode_no > drama.episodes:
            raise UnknownEpisode

    async def _ask(self, call: Callable[[], T]) -> T:
        return await self._threads.run(partial(_told, call))


def _by(admin: int) -> By:
    return By(Surface.API, str(admin))


def _is_upload(wanted: NewJob) -> bool:
    """A key in the episode's own folder: what else a worker can read is not for it."""
    folder = f"incoming/{wanted.drama_id}/{wanted.episode_no}"
    return names.is_key(wanted.source) and wanted.source.rpartition("/")[0] == folder


def _told(call: Callable[[], T]) -> T:
    """In a thread: the queue's errors as ours."""
    try:
        return call()
    except (Wait, NotMigrated) as error:
        raise JobsUnavailable from error
    except jobs_said.AlreadyActive as error:
        raise JobActive(error.job_id) from error
    except jobs_said.AlreadyDone as error:
        raise JobDone(error.job_id) from error
    except jobs_said.UnknownJob as error:
        raise UnknownJob from error
    except jobs_said.NotNow as error:
        raise JobNotNow from error
    except ValueError as error:
        raise Unprocessable(str(error)) from error
