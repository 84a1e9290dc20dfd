"""The answers of the product routes, as the OpenAPI document shows them."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, Field


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
