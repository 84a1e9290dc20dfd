"""The answers of the product routes, as the OpenAPI document shows them."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, Field

from ingest_api.feed.answers import Play
from ingest_api.play.answers import EpisodeState


class DramaCounters(BaseModel):
    """A drama's numbers, a second or two old.  A view is 3 s of content, a valid play 7 s, a long one 18 s."""

    NUMBERS: ClassVar = ("views", "valid_plays", "long_plays", "completes", "likes", "follows", "shares", "unlocks")

    drama_id: int
    views: int
    valid_plays: int
    long_plays: int
    completes: int = Field(description="playbacks in which 95 % of an episode was watched")
    likes: int = Field(description="likes that stand now, over all episodes")
    follows: int
    shares: int
    unlocks: int


class ChartItem(BaseModel):
    """A drama in a chart."""

    drama_id: int
    title: str
    category: str
    rank: int = Field(description="1 is the first")
    score: float = Field(
        description="heat (valid plays, halved every 24 h) or its ratio to the usual; compare within one answer"
    )


class ChartAnswer(BaseModel):
    """A chart, highest first."""

    items: list[ChartItem]


class Progress(BaseModel):
    """Where a viewer is in a drama."""

    drama_id: int
    title: str
    episodes: int = Field(description="all that it will have")
    released: int = Field(description="how many of them may be watched now: 1 to this")
    next_release_ms: int | None = Field(None, description="when the next one comes, Unix ms; null: all are out")
    at_ms: int = Field(description="when, Unix ms")
    episode_no: int = Field(description="the episode last watched")
    position_ms: int = Field(description="how far in it")
    next_episode_no: int = Field(description="what to play now: the same, or the next that is out when it was complete")
    next_position_ms: int


class ProgressAnswer(BaseModel):
    """In the order asked for, else the latest first."""

    items: list[Progress]


class HistoryPage(BaseModel):
    """A page of the history, the latest first."""

    items: list[Progress]
    next_cursor: int | None = Field(description="send it as `cursor` for the next page; null at the end")


class DramaPrice(BaseModel):
    """What a drama costs this viewer, in coins."""

    free_first: int = Field(description="episodes 1 to this cost nothing")
    episode_coins: int = Field(description="each later one alone; 0: nothing costs anything")
    rest_coins: int | None = Field(
        description="all that is not unlocked yet, at once; 0: nothing is left. null: it is not sold so before its last"
        " episode is out, or what is unlocked cannot be told now"
    )
    price_version: str = Field(description="send it with POST .../unlock")


class Episode(BaseModel):
    """An episode as it is to this viewer; how to play it GET .../play says."""

    episode_no: int
    duration_ms: int
    state: EpisodeState = Field(description="unknown: it costs coins, and whether it is unlocked cannot be told now")
    price_coins: int | None = Field(description="of a locked one: what it costs alone; else null")
    release_ms: int | None = Field(description="of one that is coming: from when on it may be watched; else null")
    poster: str | None = Field(description="address of its picture, relative to this API; null: there is none (yet)")


class DramaScreen(BaseModel):
    """A drama, and some of its episodes."""

    drama_id: int
    title: str
    category: str
    tags: list[str]
    cast: list[str]
    series: str = Field(description="the name that all seasons and cuts of one story share; empty: it has none")
    region: str = Field(description="where it may be shown; empty: everywhere")
    min_age: int = Field(description="least age in years; 0: everybody")
    episodes: int = Field(description="all that it will have")
    released: int = Field(description="how many of them may be watched now: 1 to this")
    next_release_ms: int | None = Field(description="when the next one comes, Unix ms; null: all are out")
    price: DramaPrice
    play: Play | None = Field(description="where this viewer goes on, as in the feed; null: none is out yet")
    items: list[Episode] = Field(description="`size` episodes from `from` on, fewer at the end")
    next_from: int | None = Field(description="send it as `from` for the next episodes; null at the end")
    degraded: list[str] = Field(
        description="what does not answer: money (`unknown` and no price of the rest), viewer (`play` begins anew)"
    )
