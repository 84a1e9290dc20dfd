"""Builders for tests of WeChat's side: a dossier that WeChat would look at."""

from __future__ import annotations

from typing import Any

from domain.media.wechat_drama import Actor, Dossier

TITLE = "我的演艺"
PAPERS = (
    "incoming/papers/cover.jpg",
    "incoming/papers/record.png",
    "incoming/papers/proof.jpg",
    "incoming/papers/a.png",
)


def a_dossier(drama_id: int, **changes: Any) -> Dossier:
    """Complete, but for what the test changes."""
    actors = tuple(Actor(name=f"演员{number}", role=f"角色{number}", photo=PAPERS[3]) for number in (1, 2))
    fields: dict[str, Any] = {
        "drama_id": drama_id,
        "title": TITLE,
        "description": "一个故事",
        "producer": "某某影视",
        "record_number": "V1234567",
        "cover": PAPERS[0],
        "certificate": PAPERS[1],
        "production_proofs": (PAPERS[2],),
        "actors": actors,
    }
    return Dossier(**(fields | changes))
