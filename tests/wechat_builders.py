"""Builders for tests of WeChat's side: a dossier that WeChat would look at."""

from __future__ import annotations

from typing import Any

from domain.media import names
from domain.media.orders import By, Surface
from domain.media.wechat_drama import Actor, Dossier

TITLE = "我的演艺"
LI = By(Surface.CLI, "li")


def papers(drama_id: int) -> tuple[str, ...]:
    """Keys of a cover, a record, a proof and a face."""
    return tuple(names.paper(drama_id, f"{number:012x}", "png" if number % 2 else "jpg") for number in (0, 1, 2, 3))


def a_dossier(drama_id: int, **changes: Any) -> Dossier:
    """Complete, but for what the test changes."""
    cover, record, proof, face = papers(drama_id)
    actors = tuple(Actor(name=f"演员{number}", role=f"角色{number}", photo=face) for number in (1, 2))
    fields: dict[str, Any] = {
        "drama_id": drama_id,
        "title": TITLE,
        "description": "一个故事",
        "producer": "某某影视",
        "record_number": "V1234567",
        "cover": cover,
        "certificate": record,
        "production_proofs": (proof,),
        "actors": actors,
    }
    return Dossier(**(fields | changes))
