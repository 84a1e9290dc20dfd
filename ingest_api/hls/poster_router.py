"""GET /v1/posters/...: pictures of episodes."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response

from domain.media.grant import HASH12
from ingest_api.errors import NotReleased, UnknownEpisode, Unprocessable
from ingest_api.hls.posters import OF_NOW, Asker, Kind, Picture, Posters, Width
from ingest_api.openapi import refusals
from ingest_api.play.errors import MediaBusy, MediaUnavailable, NoVideo
from ingest_api.play.router import DramaId, EpisodeNo

router = APIRouter(tags=["product"])

Hash = Annotated[str, Path(pattern=f"^{HASH12.pattern}$", description="names the rendition")]
Number = Annotated[int, Path(ge=0, le=9, description="candidate, the sharpest first")]

IMAGE = {"schema": {"type": "string", "format": "binary"}}
PICTURE: dict[int | str, dict[str, Any]] = {
    "200": {"description": "The picture.", "content": {"image/webp": IMAGE, "image/jpeg": IMAGE}},
    "307": {"description": "It is there."},
    **refusals((NotReleased, UnknownEpisode, NoVideo, Unprocessable, MediaUnavailable, MediaBusy)),
}


async def _posters(request: Request) -> Posters:
    service: Posters = request.app.state.posters
    return service


Service = Annotated[Posters, Depends(_posters)]


@router.get(
    OF_NOW, responses={**PICTURE, "304": {"description": "You have it."}}, response_class=Response,
)  # fmt: skip
async def poster(
    service: Service,
    *,
    drama_id: DramaId,
    episode_no: EpisodeNo,
    number: Annotated[int | None, Query(ge=0, le=9, description="candidate; none: the one that is chosen")] = None,
    width: Annotated[Width, Query()] = Width.MIDDLE,
    accept: Annotated[str, Header(max_length=1_000)] = "",
    known: Annotated[str | None, Header(alias="if-none-match")] = None,
) -> Response:
    """The episode's picture as it is now, as WebP where `Accept` names it, else JPEG; 304 to who has it."""
    return await service.of_now(drama_id, episode_no, number, width, Asker(accept, known))


@router.get(
    "/v1/posters/{drama_id}/{episode_no}/{hash12}/{number}-{width}.{kind}",
    responses={**PICTURE, "304": {"description": "You have it."}}, response_class=Response,
)  # fmt: skip
async def exact(
    service: Service,
    *,
    drama_id: DramaId,
    episode_no: EpisodeNo,
    hash12: Hash,
    number: Number,
    width: Annotated[Width, Path()],
    kind: Kind,
    known: Annotated[str | None, Header(alias="if-none-match")] = None,
) -> Response:
    """One picture of one rendition; it never changes, so keep it for good."""
    return await service.exact(Picture(drama_id, episode_no, hash12, number, width, kind), known)
