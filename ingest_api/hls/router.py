"""GET /v1/hls/{grant}/...: what a player fetches by itself, with no header of ours.

Any page may play what it was given an address of, and read why it may not (ingest_api.edge): the grant is in the path,
and no cookie is read.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response

from domain.media import grant as grants
from domain.media.grant import Grant
from domain.media.playlist import RUNG as RUNG_FORM
from ingest_api.auth import viewer_of
from ingest_api.errors import (
    BackfillNotHere,
    CatalogueUnavailable,
    MoneyUnavailable,
    NotReleased,
    TokenExpired,
    Unauthorized,
    UnknownEpisode,
    Unprocessable,
    ViewersOnly,
)
from ingest_api.hls.errors import AnothersAddress, KeyRefused
from ingest_api.hls.service import Hls
from ingest_api.openapi import refusals
from ingest_api.play.errors import BadAddress, MediaBusy, MediaUnavailable, NoVideo, RangeNotThere

router = APIRouter(tags=["play"])

Text = Annotated[str, Path(alias="grant", min_length=grants.LENGTH, max_length=grants.LENGTH)]
Rung = Annotated[str, Path(pattern=f"^{RUNG_FORM.pattern}$", description="such as 720p")]
Number = Annotated[str, Path(pattern="^[0-9]{5}$")]

M3U8 = "application/vnd.apple.mpegurl"
FRESH = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
ASKED = (Unauthorized, TokenExpired, BackfillNotHere, ViewersOnly)  # only of who sends a token, which nobody has to
REFUSED = (*ASKED, BadAddress, AnothersAddress, NotReleased, UnknownEpisode, NoVideo, Unprocessable, MediaUnavailable)


def _described(media_type: str, refused: tuple[Any, ...]) -> dict[int | str, dict[str, Any]]:
    content = {media_type: {"schema": {"type": "string", "format": "binary"}}}
    return {"200": {"description": "It.", "content": content}, **refusals(refused)}


async def _hls(request: Request) -> Hls:
    service: Hls = request.app.state.hls
    return service


Service = Annotated[Hls, Depends(_hls)]


async def _grant(request: Request, service: Service, text: Text) -> Grant:
    """The grant, to nobody else: who sends a token of another viewer is refused."""
    who = viewer_of(request).user_id if "authorization" in request.headers else None
    return service.granted(text, who)


Granted = Annotated[Grant, Depends(_grant)]


@router.get("/v1/hls/{grant}/master.m3u8", responses=_described(M3U8, REFUSED), response_class=Response)
async def master(service: Service, grant: Granted) -> Response:
    """The master playlist of an episode, at the address that GET .../play told."""
    return Response(await service.master(grant), media_type=M3U8, headers=FRESH)


@router.get("/v1/hls/{grant}/{rung}/index.m3u8", responses=_described(M3U8, REFUSED), response_class=Response)
async def playlist(service: Service, grant: Granted, rung: Rung) -> Response:
    """The playlist of one rung; its segments are beside it or at the CDN, its key beside it."""
    return Response(await service.playlist(grant, rung), media_type=M3U8, headers=FRESH)


KEY_REFUSED = (*REFUSED, KeyRefused, MoneyUnavailable, CatalogueUnavailable)


@router.get(
    "/v1/hls/{grant}/{rung}/key",
    responses=_described("application/octet-stream", KEY_REFUSED), response_class=Response,
)  # fmt: skip
async def key(service: Service, grant: Granted, rung: Rung) -> Response:
    """The sixteen bytes that a rung is encrypted with, to who may play the episode at this moment."""
    return Response(await service.key(grant, rung), media_type="application/octet-stream", headers=FRESH)


SEGMENT: dict[int | str, dict[str, Any]] = {
    **_described("video/mp2t", (*REFUSED, RangeNotThere, MediaBusy)),
    "206": {"description": "The range that was asked for."},
}


@router.get("/v1/hls/{grant}/{rung}/{number}.ts", responses=SEGMENT, response_class=Response)
async def segment(service: Service, grant: Granted, rung: Rung, number: Number) -> Response:
    """A segment, encrypted, whole or the range of the `Range` header."""
    return await service.segment(grant, rung, int(number))
