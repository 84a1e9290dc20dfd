"""Play links of WeChat: the API reads them from Redis and says which are wanted; media_jobs fetches them.

A link plays for two hours; it is kept for 100 minutes, so whoever gets one has at least some 20 minutes of it left.
The client may read its end out of it (`t`, hexadecimal) and ask again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from redis.asyncio import Redis

from domain import keys

KEPT_S = 100 * 60
LINK_S = 7_200 - 60  # WeChat allows two hours; a minute is for clocks that differ
AHEAD = 3  # episodes whose links are fetched before they are asked for


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """Where an episode plays until `expires_ms`."""

    media_id: int
    hls_url: str
    mp4_url: str
    duration_s: int
    expires_ms: int


class Links:
    """For the API: one round trip.  Raises what redis-py raises."""

    def __init__(self, store: Redis) -> None:
        self._store = store

    async def link(self, drama_id: int, episode_no: int, episodes: int, now_ms: int) -> Link | None:
        """The episode's link; None where it is not there yet (ask again in a second), or the drama is taken down.

        It and the next AHEAD of `episodes` are fetched, and kept fresh while somebody asks.
        """
        wanted = {member(drama_id, no): now_ms for no in range(episode_no, min(episode_no + AHEAD, episodes) + 1)}
        pipeline = self._store.pipeline(transaction=False)
        pipeline.get(keys.wechat_link(drama_id, episode_no))
        pipeline.sismember(keys.TAKEDOWNS, str(drama_id))
        pipeline.zadd(keys.WECHAT_WANTED, wanted)
        text, down, _ = await pipeline.execute()
        if down or text is None:
            return None
        found = msgspec.json.decode(text, type=Link)
        return found if found.expires_ms > now_ms else None


def member(drama_id: int, episode_no: int) -> str:
    """How an episode stands among the wanted."""
    return f"{drama_id}:{episode_no}"


def members(found: Iterable[bytes]) -> Sequence[tuple[int, int]]:
    """What `member` was given."""
    pairs = (one.decode().split(":") for one in found)
    return [(int(drama_id), int(episode_no)) for drama_id, episode_no in pairs]
