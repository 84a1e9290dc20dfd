"""/v1/admin/media/dramas/{drama_id}/episodes/{episode_no}/posters: staff choose an episode's picture."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from ingest_api.auth import AdminAlone
from ingest_api.errors import UnknownEpisode
from ingest_api.media_admin import examples
from ingest_api.media_admin.errors import JobsUnavailable, NoCandidates, NoStorage
from ingest_api.media_admin.orders import PosterNumber, body, document
from ingest_api.media_admin.posters import CandidatesAnswer, PosterAdmin
from ingest_api.media_admin.router import ADMIN, BODY, PREFIX
from ingest_api.openapi import refusals
from ingest_api.play.router import DramaId, EpisodeNo

router = APIRouter(tags=["media"], prefix=f"{PREFIX}/dramas/{{drama_id}}/episodes/{{episode_no}}")

REFUSED = (*ADMIN, UnknownEpisode, NoCandidates, NoStorage, JobsUnavailable)
FRESH = {"cache-control": "no-store"}


async def _posters(request: Request) -> PosterAdmin:
    service: PosterAdmin = request.app.state.poster_admin
    return service


Service = Annotated[PosterAdmin, Depends(_posters)]


@router.get("/posters", responses=refusals(REFUSED))
async def candidates(
    service: Service, _: AdminAlone, response: Response, *, drama_id: DramaId, episode_no: EpisodeNo
) -> CandidatesAnswer:
    """The poster candidates of what the episode plays now, and which of them is shown."""
    response.headers.update(FRESH)
    return await service.candidates(drama_id, episode_no)


@router.put(
    "/poster", openapi_extra=document(PosterNumber, examples.POSTER), responses=refusals((*REFUSED, *BODY))
)  # fmt: skip
async def choose(
    service: Service, admin: AdminAlone, response: Response, *, drama_id: DramaId, episode_no: EpisodeNo,
    wanted: Annotated[PosterNumber, Depends(body(PosterNumber))],
) -> CandidatesAnswer:  # fmt: skip
    """Show this candidate; GET /v1/posters/... has it within two seconds.

    The choice is for what the episode plays now: another file has other candidates, and its sharpest one is shown.
    """
    response.headers.update(FRESH)
    return await service.choose(admin.user_id, drama_id, episode_no, wanted.number)
