"""The answers of the feed routes, as the OpenAPI document shows them."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Play(BaseModel):
    """What to play when the viewer stays."""

    episode_no: int
    position_ms: int
    duration_ms: int


class FeedItem(BaseModel):
    """A drama in a page.  Send request_id, position, source, arm and propensity back in `impression` and `clicked`."""

    drama_id: int
    title: str
    category: str
    episodes: int = Field(description="all that it will have")
    released: int = Field(description="how many of them may be watched now: 1 to this")
    next_release_ms: int | None = Field(None, description="when the next one comes, Unix ms; null: all are out")
    request_id: str
    position: int = Field(description="0 is the first of the page")
    source: str = Field(description="personal, also_watched, hot, trend, cold, explore, random or again")
    arm: str = Field(description="of the experiment")
    propensity: float = Field(description="the chance with which it had this place (docs/feed.md)")
    reason: str = Field(description="why it is here, to be shown")
    play: Play


class FeedPage(BaseModel):
    """A page: each open gives other items; what was seen comes back when everything else was shown."""

    request_id: str
    items: list[FeedItem]
    degraded: list[str] = Field(description="sources that could not be read; empty when all is well")
    cursor: str | None = Field(description="send it as `cursor` for the next page; null when nothing is left")


class AlsoWatched(BaseModel):
    """What others watched who watched this drama, best first."""

    drama_id: int
    request_id: str
    items: list[FeedItem]
    degraded: list[str] = Field(description="sources that could not be read; empty when all is well")
