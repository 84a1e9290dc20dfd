"""GET /v1/dramas/{id}/episodes/{no}/play, GET /v1/media/{id}/{no}."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from domain.audience import ANYBODY, MOST_REGION, MOST_YEARS, Audience
from domain.events import MAX_ID
from domain.media_address import SIGNATURE_LENGTH, Address
from ingest_api.audience import CurrentAudience, for_this_audience
from ingest_api.auth import ViewerAlone
from ingest_api.errors import (
    CatalogueUnavailable,
    MoneyUnavailable,
    NotReleased,
    UnknownEpisode,
    Unprocessable,
    ViewersOnly,
)
from ingest_api.openapi import WHO_ASKS, refusals
from ingest_api.play.answers import PlayAnswer
from ingest_api.play.errors import BadAddress, EpisodeLocked, MediaBusy, MediaUnavailable, NoVideo, RangeNotThere
from ingest_api.play.media import Media
from ingest_api.play.permission import PATH
from ingest_api.play.service import Play

router = APIRouter(tags=["play"])

DramaId = Annotated[int, Path(ge=1, lt=MAX_ID)]
EpisodeNo = Annotated[int, Path(ge=1, le=100_000)]
Where = Annotated[Literal["h5", "weapp"], Query(description="who plays it: weapp gets WeChat's address too")]
UserId = Annotated[int, Query(alias="user", ge=1, lt=MAX_ID)]
Expires = Annotated[int, Query(alias="expires", ge=0, lt=MAX_ID)]
Region = Annotated[str, Query(max_length=MOST_REGION, description="of the viewer, as the address says it")]
Age = Annotated[int, Query(alias="age_years", ge=0, le=MOST_YEARS, description="the same")]
Signature = Annotated[str, Query(min_length=SIGNATURE_LENGTH, max_length=SIGNATURE_LENGTH)]

BYTES: dict[str, Any] = {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}
VIDEO: dict[int | str, dict[str, Any]] = {
    "200": {"description": "The video.", **BYTES},
    "206": {"description": "The range that was asked for.", **BYTES},
}


async def _play(request: Request) -> Play:  # plain functions would run in a thread
    service: Play = request.app.state.play
    return service


async def _media(request: Request) -> Media:
    service: Media = request.app.state.media
    return service


PLAY_REFUSED = (
    *(*WHO_ASKS, EpisodeLocked, ViewersOnly, NotReleased, UnknownEpisode, Unprocessable),
    *(MoneyUnavailable, CatalogueUnavailable),
)
MEDIA_REFUSED = (
    *(BadAddress, NotReleased, UnknownEpisode, NoVideo, RangeNotThere, Unprocessable),
    *(MediaUnavailable, MediaBusy),
)


@router.get(
    "/v1/dramas/{drama_id}/episodes/{episode_no}/play",
    responses=refusals(PLAY_REFUSED), dependencies=[Depends(for_this_audience)],
)  # fmt: skip
async def play(
    service: Annotated[Play, Depends(_play)],
    viewer: ViewerAlone,
    audience: CurrentAudience,
    response: Response,
    *,
    drama_id: DramaId,
    episode_no: EpisodeNo,
    platform: Where = "h5",
) -> PlayAnswer:
    """How to play an episode that is free or unlocked, and how the next two are.  Nothing is debited.

    **402** says what a locked one costs, what there is and which ways there are.  **403** `not_released`: it comes at
    `release_ms`, and nobody gets it before, whatever they have unlocked.
    """
    response.headers["cache-control"] = "no-store"
    return await service.play(viewer.user_id, drama_id, episode_no, audience, weapp=platform == "weapp")


@router.get(PATH, responses={**VIDEO, **refusals(MEDIA_REFUSED)}, response_class=Response)
async def media(
    service: Annotated[Media, Depends(_media)],
    *,
    drama_id: DramaId,
    episode_no: EpisodeNo,
    user_id: UserId,
    expires_ms: Expires,
    region: Region = ANYBODY.region,
    age_years: Age = ANYBODY.age_years,
    signature: Signature,
) -> Response:
    """The video at an address that GET .../play told, whole or the range of the `Range` header."""
    address = Address(user_id, drama_id, episode_no, expires_ms, Audience(region, age_years))
    return await service.video(address, signature)
