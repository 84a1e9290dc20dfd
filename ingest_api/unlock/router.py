"""POST /v1/dramas/{id}/episodes/{no}/unlock, GET /v1/wallet."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from domain.events import MAX_ID
from ingest_api import errors
from ingest_api.audience import CurrentAudience, for_this_audience
from ingest_api.auth import ViewerAlone
from ingest_api.errors import MoneyUnavailable, Unprocessable, ViewersOnly
from ingest_api.openapi import WHO_ASKS, refusals
from ingest_api.unlock.answers import UnlockAnswer, WalletPage
from ingest_api.unlock.errors import IdempotencyKeyMissing, IdempotencyKeyReused, NotEnoughCoins, PriceIsAnother
from ingest_api.unlock.order import Order, document, idempotency_key, order
from ingest_api.unlock.service import Unlocking

router = APIRouter(prefix="/v1", tags=["unlock"])

DramaId = Annotated[int, Path(ge=1, lt=MAX_ID)]
EpisodeNo = Annotated[int, Path(ge=1, le=100_000)]
Before = Annotated[int | None, Query(ge=1, lt=MAX_ID, description="next_before of the page before")]
Size = Annotated[int, Query(ge=1, le=100, description="how many entries")]
REFUSED = (
    *(IdempotencyKeyMissing, errors.MalformedJson, *WHO_ASKS, NotEnoughCoins, ViewersOnly),
    *(errors.NotReleased, errors.UnknownEpisode),
    *(errors.BodyTimeout, PriceIsAnother, errors.TooLarge, errors.UnsupportedMedia, errors.UnsupportedEncoding),
    *(Unprocessable, IdempotencyKeyReused, MoneyUnavailable),
)


async def unlocking(request: Request) -> Unlocking:
    """The service of this process.  (A plain function would be run in a thread.)"""
    service: Unlocking = request.app.state.unlocking
    return service


async def private(response: Response) -> None:
    """What is told to one viewer is kept by nobody on the way."""
    response.headers["cache-control"] = "no-store"


Service = Annotated[Unlocking, Depends(unlocking)]
ours = [Depends(private)]


@router.post(
    "/dramas/{drama_id}/episodes/{episode_no}/unlock",
    responses=refusals(REFUSED), openapi_extra=document(), dependencies=[*ours, Depends(for_this_audience)],
)  # fmt: skip
async def unlock(
    viewer: ViewerAlone,
    audience: CurrentAudience,
    service: Service,
    *,
    drama_id: DramaId,
    episode_no: EpisodeNo,
    key: Annotated[str, Depends(idempotency_key)],
    wanted: Annotated[Order, Depends(order)],
) -> UnlockAnswer:
    """Pay for this episode, or for all that is left of its drama, with coins: bonus coins first.

    Until its `release_ms` nobody pays for an episode (**403**), nor for a drama as a whole before its last one is out.
    Safe to repeat: the same key gives the same answer, and what is open already costs nothing.  **402** says what it
    costs, what there is and which ways there are; after a credit the same key may be used again.  **409**: the price
    is another than the one whose `price_version` was sent.
    """
    return await service.unlock(viewer.user_id, drama_id, episode_no, wanted, key, audience=audience)


@router.get("/wallet", responses=refusals((*WHO_ASKS, ViewersOnly, Unprocessable, MoneyUnavailable)), dependencies=ours)
async def wallet(viewer: ViewerAlone, service: Service, before: Before = None, size: Size = 20) -> WalletPage:
    """The viewer's coins, and what came and went, the latest first."""
    return await service.wallet(viewer.user_id, before, size)
