"""A drama's page as the OpenAPI document shows it: a free episode, one that is unlocked, a locked one, one to come."""

from __future__ import annotations

from typing import Any

DRAMA_PAGE: dict[str, Any] = {
    "drama_id": 7,
    "title": "重生之门",
    "category": "都市",
    "tags": ["逆袭", "甜宠"],
    "cast": ["演员甲", "演员乙"],
    "series": "重生之门",
    "region": "",
    "min_age": 0,
    "episodes": 80,
    "released": 6,
    "next_release_ms": 1_796_119_200_000,
    "price": {"free_first": 4, "episode_coins": 60, "rest_coins": None, "price_version": "v1-4-60-80"},
    "play": {"episode_no": 5, "position_ms": 31_200, "duration_ms": 92_000},
    "items": [
        {"episode_no": 4, "duration_ms": 88_000, "state": "free", "price_coins": None, "release_ms": None,
         "poster": "/v1/posters/7/4"},
        {"episode_no": 5, "duration_ms": 92_000, "state": "unlocked", "price_coins": None, "release_ms": None,
         "poster": "/v1/posters/7/5"},
        {"episode_no": 6, "duration_ms": 90_000, "state": "locked", "price_coins": 60, "release_ms": None,
         "poster": "/v1/posters/7/6"},
        {"episode_no": 7, "duration_ms": 91_000, "state": "coming", "price_coins": None,
         "release_ms": 1_796_119_200_000, "poster": None},
    ],
    "next_from": 8,
    "degraded": [],
}  # fmt: skip
