"""GET /v1/hot, /v1/trending, /v1/dramas/{id}, its /counters, /v1/me/progress, /v1/me/history, /v1/me/continue."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from domain.catalogue_import import MAX_EPISODES
from domain.events import MAX_ID
from domain.keys import RECENT_KEPT
from ingest_api.audience import CurrentAudience
from ingest_api.auth import CurrentViewer
from ingest_api.errors import CatalogueUnavailable, NumbersUnavailable, UnknownDrama, Unprocessable, ViewersUnavailable
from ingest_api.openapi import WHO_VIEWS, refusals
from ingest_api.product import example
from ingest_api.product.answers import ChartAnswer, DramaCounters, DramaScreen, HistoryPage, ProgressAnswer
from ingest_api.product.charts import Chart
from ingest_api.product.drama_page import DramaPages, Wish
from ingest_api.product.service import LATEST, Product

router = APIRouter(prefix="/v1", tags=["product"])

DramaId = Annotated[int, Path(ge=1, lt=MAX_ID)]
DramaIds = Annotated[list[Annotated[int, Query(ge=1, lt=MAX_ID)]] | None, Query(max_length=LATEST)]
Size = Annotated[int, Query(ge=1, le=100, description="how many")]
First = Annotated[int, Query(alias="from", ge=1, le=MAX_EPISODES, description="the first episode, or next_from")]
Episodes = Annotated[int, Query(alias="size", ge=1, le=100, description="how many episodes")]
Cursor = Annotated[int, Query(ge=0, le=RECENT_KEPT, description="next_cursor of the page before")]


async def product(request: Request) -> Product:
    """The service of this process.  (A plain function would be run in a thread.)"""
    service: Product = request.app.state.product
    return service


async def drama_pages(request: Request) -> DramaPages:
    """The pages of dramas of this process."""
    service: DramaPages = request.app.state.drama_pages
    return service


Service = Annotated[Product, Depends(product)]
Pages = Annotated[DramaPages, Depends(drama_pages)]


@router.get("/hot", responses=refusals((*WHO_VIEWS, Unprocessable, NumbersUnavailable)))
async def hot(service: Service, audience: CurrentAudience, size: Size = 20) -> ChartAnswer:
    """The hottest dramas: qualified valid plays, each worth half after a day."""
    return ChartAnswer(items=await service.chart(Chart.HOT, size, audience))


@router.get("/trending", responses=refusals((*WHO_VIEWS, Unprocessable, NumbersUnavailable)))
async def trending(service: Service, audience: CurrentAudience, size: Size = 20) -> ChartAnswer:
    """The dramas that are watched more than they used to be."""
    return ChartAnswer(items=await service.chart(Chart.TRENDING, size, audience))


@router.get("/dramas/{drama_id}/counters", responses=refusals((UnknownDrama, Unprocessable, NumbersUnavailable)))
async def counters(service: Service, drama_id: DramaId) -> DramaCounters:
    """A drama's numbers.  Public; 404 for a drama that is not shown."""
    return await service.counters(drama_id)


@router.get(
    "/dramas/{drama_id}",
    responses={
        "200": {"content": {"application/json": {"example": example.DRAMA_PAGE}}},
        **refusals((*WHO_VIEWS, UnknownDrama, Unprocessable, CatalogueUnavailable)),
    },
)
async def drama(
    pages: Pages, viewer: CurrentViewer, audience: CurrentAudience, response: Response, *, drama_id: DramaId,
    first: First = 1, size: Episodes = 50,
) -> DramaScreen:  # fmt: skip
    """A drama's page: what it is and costs, where the viewer goes on, and how its episodes are to them.

    404 for a drama that is not shown, or not to this viewer.  Nothing that plays is in it: GET .../play gives that.
    """
    response.headers["cache-control"] = "no-store"
    return await pages.page(drama_id, Wish(viewer.user_id, first, size, audience))


@router.get("/me/progress", responses=refusals((*WHO_VIEWS, Unprocessable, ViewersUnavailable)))
async def progress(
    service: Service, viewer: CurrentViewer, audience: CurrentAudience, drama_id: DramaIds = None
) -> ProgressAnswer:
    """Where the viewer is in the dramas named (`drama_id`, repeatable), else in the latest 50."""
    return ProgressAnswer(items=await service.progress(viewer.user_id, drama_id or [], audience))


@router.get("/me/history", responses=refusals((*WHO_VIEWS, Unprocessable, ViewersUnavailable)))
async def history(
    service: Service, viewer: CurrentViewer, audience: CurrentAudience, size: Size = 20, cursor: Cursor = 0
) -> HistoryPage:
    """What the viewer watched, the latest first; 200 dramas are kept."""
    return await service.history(viewer.user_id, cursor, size, audience)


@router.get("/me/continue", responses=refusals((*WHO_VIEWS, Unprocessable, ViewersUnavailable)))
async def to_go_on(
    service: Service, viewer: CurrentViewer, audience: CurrentAudience, size: Size = 20
) -> ProgressAnswer:
    """What the viewer has begun and not finished, the latest first: the feed leaves these out."""
    return ProgressAnswer(items=await service.to_go_on(viewer.user_id, size, audience))
