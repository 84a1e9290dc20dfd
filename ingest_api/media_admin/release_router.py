"""/v1/admin/media/dramas/{drama_id}/releases: from when on episodes may be watched, for tokens of scope admin."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from ingest_api.auth import AdminAlone
from ingest_api.errors import UnknownDrama
from ingest_api.media_admin import examples
from ingest_api.media_admin.errors import JobsUnavailable, NeedsRecall
from ingest_api.media_admin.orders import body, document
from ingest_api.media_admin.releases import NewSchedule, ReleaseAdmin, ReleaseNow, ReleasesAnswer
from ingest_api.media_admin.router import ADMIN, BODY, PREFIX
from ingest_api.openapi import refusals
from ingest_api.play.router import DramaId

router = APIRouter(tags=["media"], prefix=f"{PREFIX}/dramas/{{drama_id}}/releases")

ONE = (*ADMIN, UnknownDrama, JobsUnavailable)
FRESH = {"cache-control": "no-store"}


async def _releases(request: Request) -> ReleaseAdmin:
    service: ReleaseAdmin = request.app.state.release_admin
    return service


Service = Annotated[ReleaseAdmin, Depends(_releases)]
Schedule = Annotated[NewSchedule, Depends(body(NewSchedule))]


@router.get("", responses=refusals(ONE))
async def releases(service: Service, _: AdminAlone, response: Response, *, drama_id: DramaId) -> ReleasesAnswer:
    """From when on each episode may be watched."""
    response.headers.update(FRESH)
    return await service.standing(drama_id)


@router.put(
    "", openapi_extra=document(NewSchedule, examples.SCHEDULE), responses=refusals((*ONE, *BODY, NeedsRecall))
)  # fmt: skip
async def schedule(
    service: Service, admin: AdminAlone, response: Response, *, drama_id: DramaId, wanted: Schedule
) -> ReleasesAnswer:
    """Some episodes at a moment, as many so often after it, to the last; everywhere within two seconds.

    **409** `needs_recall` where viewers would lose what they may watch now.
    """
    response.headers.update(FRESH)
    return await service.order(admin.user_id, drama_id, wanted.wanted(recall=False), dry_run=wanted.dry_run)


@router.post(
    "/recall", openapi_extra=document(NewSchedule, examples.SCHEDULE), responses=refusals((*ONE, *BODY))
)  # fmt: skip
async def recall(
    service: Service, admin: AdminAlone, response: Response, *, drama_id: DramaId, wanted: Schedule
) -> ReleasesAnswer:
    """The same schedule, also where viewers lose what they may watch now; coins that were paid stay paid."""
    response.headers.update(FRESH)
    return await service.order(admin.user_id, drama_id, wanted.wanted(recall=True), dry_run=wanted.dry_run)


@router.post(
    "/now", openapi_extra=document(ReleaseNow, examples.RELEASE_NOW), responses=refusals((*ONE, *BODY))
)  # fmt: skip
async def now(
    service: Service, admin: AdminAlone, response: Response, *, drama_id: DramaId,
    wanted: Annotated[ReleaseNow, Depends(body(ReleaseNow))],
) -> ReleasesAnswer:  # fmt: skip
    """Some episodes may be watched from now on, the others as before."""
    response.headers.update(FRESH)
    return await service.order(admin.user_id, drama_id, wanted.wanted(), dry_run=wanted.dry_run)
