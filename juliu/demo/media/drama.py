"""The demo's drama in the catalogue: five episodes without video yet, the last two cost coins."""

from __future__ import annotations

from typing import Any

from juliu.demo.media.clips import CLIPS, TITLE

DRAMA_ID, FREE_FIRST, PRICE_COINS = 1_000_002, 3, 30


def drama() -> dict[str, Any]:
    """In the shape that `juliu catalogue import` reads."""
    episodes = [{"episode_no": clip.episode_no, "duration_ms": clip.seconds * 1000} for clip in CLIPS]
    return {
        "drama_id": DRAMA_ID, "title": TITLE, "category": "都市", "tags": ["逆袭"], "cast": [], "region": "CN",
        "min_age": 0, "free_first": FREE_FIRST, "price_coins": PRICE_COINS, "published": True, "episodes": episodes,
    }  # fmt: skip
