"""GET /v1/feed, /v1/feed/explain, /v1/dramas/{id}/also-watched."""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.types import Receive, Scope, Send

from domain.audience import MOST_YEARS, Audience
from domain.events import MAX_ID
from domain.feed import MAX_SIZE
from ingest_api.audience import CurrentAudience
from ingest_api.auth import REGION, AdminAlone, CurrentViewer, Viewer
from ingest_api.errors import AdminsOnly, CatalogueUnavailable, UnknownDrama, Unprocessable
from ingest_api.feed.answers import AlsoWatched, FeedPage
from ingest_api.feed.explanation import Explanation
from ingest_api.feed.query import documented, wish_of
from ingest_api.feed.service import Feed, Wish
from ingest_api.openapi import WHO_VIEWS, refusals

router = APIRouter(prefix="/v1", tags=["feed"])
PATH = "/v1/feed"

DramaId = Annotated[int, Path(ge=1, lt=MAX_ID)]
UserId = Annotated[int, Query(ge=1, lt=MAX_ID, description="whose feed")]
Size = Annotated[int, Query(ge=1, le=MAX_SIZE, description="how many")]
FromDrama = Annotated[
    int, Query(ge=0, lt=MAX_ID, description="the drama of the card or advertisement that the viewer came by; 0: none")
]
Region = Annotated[str | None, Query(pattern=f"^{REGION.pattern}$", description="as if the token said it")]
Age = Annotated[int | None, Query(ge=0, le=MOST_YEARS, description="as if the token said it")]
Seed = Annotated[int | None, Query(ge=0, lt=2**32, description="of an explanation before: the same draw")]


async def _feed(request: Request) -> Feed:  # a plain function would run in a thread
    service: Feed = request.app.state.feed
    return service


Service = Annotated[Feed, Depends(_feed)]


def _request_id() -> str:
    """Names one answer in impressions and clicks: made here, so that no sender can pass off another's."""
    return secrets.token_hex(8)


@router.get(
    "/feed",
    response_model=FeedPage,
    responses=refusals((*WHO_VIEWS, Unprocessable, CatalogueUnavailable)),
    openapi_extra=documented(),
)
async def feed(request: Request) -> Response:
    """What to show next.  Another open gives other items; what was seen does not return before the rest was shown.

    With `cursor` the opening goes on.  The same cursor asked for again, after an answer that was lost, gives the same
    page with the same `request_id` and positions, without what was taken down or disliked since.
    """
    service: Feed = request.app.state.feed
    page = await service.page(wish_of(request), _request_id(), secrets.randbits(32))
    return Response(page.model_dump_json(), media_type="application/json")


async def by_hand(scope: Scope, receive: Receive, send: Send) -> None:
    """ASGI: the same without a router (ingest_api.edge)."""
    answer = await feed(Request(scope, receive))
    await answer(scope, receive, send)


@router.get("/feed/explain", responses=refusals((*WHO_VIEWS, AdminsOnly, Unprocessable, CatalogueUnavailable)))
async def explain(
    request: Request, service: Service, _: AdminAlone, *, user_id: UserId,
    size: Size = 10, from_drama: FromDrama = 0, region: Region = None, age_years: Age = None, seed: Seed = None,
) -> Explanation:  # fmt: skip
    """Why each place of the page that this viewer might get now is as it is.  Nothing is served.  For admins.

    What the viewer's token says is not known here: without `region` and `age_years` they are those of the settings.
    """
    audience: Audience = request.app.state.audiences.of(Viewer(user_id, region=region or "", age_years=age_years))
    wish = Wish(user_id, size, audience, came_by=from_drama)
    return await service.explain(wish, secrets.randbits(32) if seed is None else seed)


@router.get(
    "/dramas/{drama_id}/also-watched",
    responses=refusals((*WHO_VIEWS, UnknownDrama, Unprocessable, CatalogueUnavailable)),
)
async def also_watched(
    service: Service, viewer: CurrentViewer, audience: CurrentAudience, drama_id: DramaId, size: Size = 10
) -> AlsoWatched:
    """What others watched who watched this drama.  404 for a drama that is not shown."""
    return await service.also_watched(viewer.user_id, drama_id, size, _request_id(), audience)
