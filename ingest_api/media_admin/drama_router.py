"""/v1/admin/media/dramas/...: a drama on WeChat, from its papers to its audit, for tokens of scope admin."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response

from domain.events import MAX_ID
from infra.media.drama_book import MAX_LISTED
from ingest_api.auth import AdminAlone
from ingest_api.errors import UnknownDrama, UnknownEpisode
from ingest_api.media_admin import examples
from ingest_api.media_admin.answers import BegunAnswer, UploadAnswer
from ingest_api.media_admin.drama_answers import AuditState, DramaAnswer, DramaPage, answered, audit_of
from ingest_api.media_admin.dramas import DramaAdmin
from ingest_api.media_admin.errors import (
    DossierChanged,
    DramaIncomplete,
    JobActive,
    JobDone,
    JobsUnavailable,
    NoStorage,
    NothingHandedIn,
    NothingToReplace,
    NotUploaded,
    OtherRecordNumber,
)
from ingest_api.media_admin.orders import (
    MAX_PAPERS,
    NewPaper,
    NewPapers,
    RecordNumber,
    Replacement,
    body,
    document,
)
from ingest_api.media_admin.router import ADMIN, BODY, PREFIX
from ingest_api.openapi import found, refusals
from ingest_api.play.router import DramaId, EpisodeNo

router = APIRouter(tags=["media"], prefix=f"{PREFIX}/dramas")

After = Annotated[int, Query(ge=0, lt=MAX_ID, description="next_after of the page before")]
Count = Annotated[int, Query(ge=1, le=MAX_LISTED, description="how many dramas")]
Seen = Annotated[str | None, Query(pattern="^[0-9a-f]{16}$", description="`version` of the dossier that you mended")]

ONE = (*ADMIN, UnknownDrama, NothingHandedIn, JobsUnavailable)
SHOWN = found(DramaAnswer, examples.DRAMA)


async def _dramas(request: Request) -> DramaAdmin:
    service: DramaAdmin = request.app.state.drama_admin
    return service


Service = Annotated[DramaAdmin, Depends(_dramas)]


@router.get(
    "", response_class=Response,
    responses={
        **found(DramaPage, {"dramas": [examples.DRAMA | {"episodes": []}], "next_after": None}),
        **refusals((*ADMIN, JobsUnavailable)),
    },
)  # fmt: skip
async def page(
    service: Service, _: AdminAlone, *, audit: AuditState | None = None, after: After = 0, count: Count = 50
) -> Response:
    """Dramas that something was handed in for, by id, with what each lacks."""
    return answered(await service.page(audit_of(audit), after, count))


@router.get("/{drama_id}", response_class=Response, responses={**SHOWN, **refusals(ONE)})
async def drama(service: Service, _: AdminAlone, *, drama_id: DramaId) -> Response:
    """What was handed in for a drama, what is missing, how its audit stands."""
    return answered(await service.drama(drama_id))


@router.post(
    "/{drama_id}/papers", openapi_extra=document(NewPaper, examples.PAPER),
    responses=refusals((*ADMIN, *BODY, UnknownDrama, NoStorage)),
)  # fmt: skip
async def paper(
    service: Service, _: AdminAlone, response: Response, *, drama_id: DramaId,
    wanted: Annotated[NewPaper, Depends(body(NewPaper))],
) -> UploadAnswer:  # fmt: skip
    """Where a browser sends a paper: the `key` then stands in the dossier."""
    response.headers["cache-control"] = "no-store"
    return service.paper(drama_id, wanted)


@router.put(
    "/{drama_id}/dossier", openapi_extra=document(NewPapers, examples.PAPERS), response_class=Response,
    responses={**SHOWN, **refusals((*ONE, *BODY, DossierChanged))},
)  # fmt: skip
async def put(
    service: Service, admin: AdminAlone, *, drama_id: DramaId, seen: Seen = None,
    papers: Annotated[NewPapers, Depends(body(NewPapers, MAX_PAPERS))],
) -> Response:  # fmt: skip
    """Hand a drama's papers in, or mend them, all of them at once; a changed record number takes its tick away.

    With `seen` nobody's mends are lost: where somebody else was faster it is refused.
    """
    return answered(await service.put(admin.user_id, drama_id, papers, seen))


@router.put(
    "/{drama_id}/record-number", openapi_extra=document(RecordNumber, examples.RECORD_NUMBER), response_class=Response,
    responses={**SHOWN, **refusals((*ONE, *BODY))},
)  # fmt: skip
async def number(
    service: Service, admin: AdminAlone, *, drama_id: DramaId,
    wanted: Annotated[RecordNumber, Depends(body(RecordNumber))],
) -> Response:  # fmt: skip
    """Mend the record number (备案号) alone; another one takes the tick away."""
    return answered(await service.number(admin.user_id, drama_id, wanted.record_number))


@router.post(
    "/{drama_id}/tick", openapi_extra=document(RecordNumber, examples.RECORD_NUMBER), response_class=Response,
    responses={**SHOWN, **refusals((*ONE, *BODY, OtherRecordNumber))},
)  # fmt: skip
async def tick(
    service: Service, admin: AdminAlone, *, drama_id: DramaId,
    seen: Annotated[RecordNumber, Depends(body(RecordNumber))],
) -> Response:  # fmt: skip
    """Say that you have seen this record number in the opening; who said so first stands.  Without it nothing plays."""
    return answered(await service.tick(admin.user_id, drama_id, seen.record_number))


@router.post("/{drama_id}/publish", responses=refusals((*ONE, DramaIncomplete)))
async def publish(service: Service, admin: AdminAlone, *, drama_id: DramaId) -> BegunAnswer:
    """Hand the whole drama in for WeChat's audit, once however often it is asked for; it cannot be withdrawn."""
    return await service.publish(admin.user_id, drama_id)


@router.post(
    "/{drama_id}/episodes/{episode_no}/replace",
    openapi_extra=document(Replacement, examples.REPLACEMENT, required=False),
    responses=refusals((*ADMIN, *BODY, UnknownEpisode, NothingHandedIn, NotUploaded, NothingToReplace, JobActive,
                        JobDone, JobsUnavailable)),
)  # fmt: skip
async def replace(
    service: Service, admin: AdminAlone, *, drama_id: DramaId, episode_no: EpisodeNo,
    wanted: Annotated[Replacement, Depends(body(Replacement, empty=b"{}"))],
) -> BegunAnswer:  # fmt: skip
    """Replace an episode of a drama that plays, in two calls: with the new file's `source`, then without.

    First POST /v1/admin/media/uploads and send the file; with its `key` as `source` a job takes it to WeChat.  When
    that job is done, the same without `source` puts it into the drama; WeChat audits it, until then the old one plays.
    """
    return await service.replace(admin.user_id, drama_id, episode_no, wanted)
