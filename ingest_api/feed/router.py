"""GET /v1/feed and GET /v1/dramas/{id}/also-watched."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from domain.events import MAX_ID
from domain.feed import MAX_SIZE
from ingest_api.auth import CurrentViewer
from ingest_api.errors import CatalogueUnavailable, UnknownDrama, Unprocessable
from ingest_api.feed.answers import AlsoWatched, FeedPage
from ingest_api.feed.service import Feed
from ingest_api.openapi import WHO_VIEWS, refusals

router = APIRouter(prefix="/v1", tags=["feed"])

DramaId = Annotated[int, Path(ge=1, lt=MAX_ID)]
Size = Annotated[int, Query(ge=1, le=MAX_SIZE, description="how many")]


async def _feed(request: Request) -> Feed:  # a plain function would run in a thread
    service: Feed = request.app.state.feed
    return service


Service = Annotated[Feed, Depends(_feed)]


def _request_id() -> str:
    """Names one answer in impressions and clicks: made here, so that no sender can pass off another's."""
    return secrets.token_hex(8)


@router.get("/feed", responses=refusals((*WHO_VIEWS, Unprocessable, CatalogueUnavailable)))
async def feed(service: Service, viewer: CurrentViewer, size: Size = 10) -> FeedPage:
    """What to show next.  Another open gives other items; what was seen does not return before the rest was shown."""
    return await service.page(viewer.user_id, size, _request_id(), secrets.randbits(32))


@router.get(
    "/dramas/{drama_id}/also-watched",
    responses=refusals((*WHO_VIEWS, UnknownDrama, Unprocessable, CatalogueUnavailable)),
)
async def also_watched(service: Service, viewer: CurrentViewer, drama_id: DramaId, size: Size = 10) -> AlsoWatched:
    """What others watched who watched this drama.  404 for a drama that is not shown."""
    return await service.also_watched(viewer.user_id, drama_id, size, _request_id())
