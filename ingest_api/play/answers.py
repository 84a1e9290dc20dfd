"""The answer of GET .../play, as the OpenAPI document shows it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class WhyOpen(StrEnum):
    """Why an episode may be played."""

    FREE = "free"
    UNLOCKED = "unlocked"


class EpisodeState(StrEnum):
    """How an episode is to its viewer.  Unknown: it costs coins, and whether it is unlocked cannot be told just now.
    Coming: it is not released yet, to nobody.
    """

    FREE = "free"
    UNLOCKED = "unlocked"
    LOCKED = "locked"
    UNKNOWN = "unknown"
    COMING = "coming"


class NextEpisode(BaseModel):
    """An episode that comes after; it has no address before it is asked for itself."""

    episode_no: int
    duration_ms: int
    state: EpisodeState
    coins: int = Field(description="what it costs to unlock it alone; 0 where nothing is to be paid")
    price_version: str
    release_ms: int | None = Field(None, description="of one that is coming: from when on it may be watched, Unix ms")


class WechatLink(BaseModel):
    """WeChat's own address of an episode, for the mini-program's player; it ends within two hours."""

    model_config = ConfigDict(from_attributes=True)

    hls_url: str
    expires_ms: int = Field(description="Unix ms")


class PlayAnswer(BaseModel):
    """How to play the episode.  Two answers in a row are equal: times are on a grid of 5 minutes."""

    drama_id: int
    episode_no: int
    duration_ms: int
    address: str = Field(
        description="of the video, relative to this API; it is the viewer's own; HLS if it ends in .m3u8"
    )
    address_expires_ms: int = Field(description="Unix ms")
    ticket: str = Field(description="send it back in play_started")
    ticket_expires_ms: int = Field(description="Unix ms; a playback that begins before may be sent later")
    reason: WhyOpen
    wechat: WechatLink | None = Field(None, description="with platform=weapp; none: not set, or ask again in a second")
    next: list[NextEpisode] = Field(description="the next two, fewer at the end")
