"""/v1/admin/media/...: media jobs, for tokens of scope admin; and where CI's callbacks come in."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from domain.events import MAX_ID
from domain.media.steps import JobState, Kind
from infra.media.job import MAX_EPISODE, MAX_LISTED, JobFilter
from ingest_api import errors
from ingest_api.auth import AdminAlone
from ingest_api.errors import AdminsOnly, NotFound, UnknownEpisode, Unprocessable
from ingest_api.media_admin import examples, hints
from ingest_api.media_admin.answers import JobAnswer, JobPage, NewJobAnswer, UploadAnswer
from ingest_api.media_admin.errors import (
    JobActive,
    JobDone,
    JobNotNow,
    JobsUnavailable,
    NoStorage,
    NotUploaded,
    UnknownJob,
)
from ingest_api.media_admin.orders import NewJob, NewUpload, body, document
from ingest_api.media_admin.service import MediaAdmin
from ingest_api.openapi import WHO_VIEWS, refusals
from ingest_api.small_body import received

router = APIRouter(tags=["media"])

PREFIX = "/v1/admin/media"
JobId = Annotated[int, Path(ge=1, lt=MAX_ID)]
Drama = Annotated[int | None, Query(ge=1, lt=MAX_ID)]
Episode = Annotated[int | None, Query(ge=0, le=MAX_EPISODE)]
After = Annotated[int, Query(ge=0, lt=MAX_ID, description="next_after of the page before")]
Count = Annotated[int, Query(ge=1, le=MAX_LISTED, description="how many jobs")]

ADMIN = (*WHO_VIEWS, AdminsOnly, Unprocessable)
BODY = (
    *(errors.MalformedJson, errors.BodyTimeout, errors.TooLarge, errors.UnsupportedMedia),
    errors.UnsupportedEncoding,
)


async def _admin(request: Request) -> MediaAdmin:
    service: MediaAdmin = request.app.state.media_admin
    return service


Service = Annotated[MediaAdmin, Depends(_admin)]


@router.post(
    f"{PREFIX}/jobs", status_code=201, openapi_extra=document(NewJob, examples.JOB),
    responses=refusals((*ADMIN, *BODY, UnknownEpisode, NotUploaded, JobActive, JobDone, JobsUnavailable)),
)  # fmt: skip
async def submit(service: Service, admin: AdminAlone, wanted: Annotated[NewJob, Depends(body(NewJob))]) -> NewJobAnswer:
    """Begin a job.  Its drama and episode must be in the catalogue, the file uploaded for this very episode."""
    return NewJobAnswer(job_id=await service.submit(admin.user_id, wanted))


@router.get(f"{PREFIX}/jobs", responses=refusals((*ADMIN, JobsUnavailable)))
async def page(
    service: Service, _: AdminAlone, *, state: JobState | None = None, kind: Kind | None = None,
    drama_id: Drama = None, episode_no: Episode = None, after: After = 0, count: Count = 50,
) -> JobPage:  # fmt: skip
    """Jobs with their steps, by id."""
    return await service.page(JobFilter(state, kind, drama_id, episode_no), after, count)


@router.get(f"{PREFIX}/jobs/{{job_id}}", responses=refusals((*ADMIN, UnknownJob, JobsUnavailable)))
async def job(service: Service, _: AdminAlone, *, job_id: JobId) -> JobAnswer:
    """One job with its steps."""
    return await service.job(job_id)


@router.post(f"{PREFIX}/jobs/{{job_id}}/cancel", responses=refusals((*ADMIN, UnknownJob, JobNotNow, JobsUnavailable)))
async def cancel(service: Service, admin: AdminAlone, *, job_id: JobId) -> JobAnswer:
    """End a job; a worker that is at one of its steps stops at once."""
    return await service.cancel(admin.user_id, job_id)


@router.post(
    f"{PREFIX}/jobs/{{job_id}}/retry",
    responses=refusals((*ADMIN, UnknownJob, JobNotNow, JobActive, JobsUnavailable)),
)  # fmt: skip
async def retry(service: Service, admin: AdminAlone, *, job_id: JobId) -> JobAnswer:
    """Do once more what failed or was cancelled; what is done is kept."""
    return await service.retry(admin.user_id, job_id)


@router.post(
    f"{PREFIX}/uploads", openapi_extra=document(NewUpload, examples.UPLOAD),
    responses=refusals((*ADMIN, *BODY, UnknownEpisode, NoStorage)),
)  # fmt: skip
async def upload(
    service: Service, _: AdminAlone, response: Response, wanted: Annotated[NewUpload, Depends(body(NewUpload))]
) -> UploadAnswer:
    """Where a browser sends a file of this size, straight into storage."""
    response.headers["cache-control"] = "no-store"
    return service.upload(wanted)


@router.post(
    "/v1/media/callbacks/ci/{secret}", status_code=204,
    responses=refusals((NotFound, errors.TooLarge, errors.BodyTimeout, Unprocessable, JobsUnavailable)),
)  # fmt: skip
async def ci_callback(request: Request, service: Service, *, secret: Annotated[str, Path(max_length=200)]) -> None:
    """A hint from CI that a job of ours may have ended, in JSON or XML; what it says is asked for, not believed."""
    if not hints.genuine(hints.secret_of(request.app.state.settings.ci_callback_url), secret):
        raise NotFound
    await service.wake(hints.hints(await received(request, hints.MAX_BYTES)))
