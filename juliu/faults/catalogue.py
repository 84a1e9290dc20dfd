"""What there is to watch in the arena: made-up dramas, the same at every start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

DRAMAS, EPISODES = 240, 12
FIRST_ID = 7_001
DURATIONS_MS = (60_000, 75_000, 90_000, 110_000, 6_000, 15_000, 2_000)  # some shorter than the thresholds of a play
FREE_FIRST, PRICE_COINS = 6, 20


class Drama(NamedTuple):
    """A drama as those who send events know it: `durations_ms` of episodes 1, 2, ..."""

    drama_id: int
    durations_ms: tuple[int, ...]


def dramas() -> list[Drama]:
    """All of them, the most watched first."""
    return [
        Drama(FIRST_ID + n, tuple(DURATIONS_MS[(n + episode) % len(DURATIONS_MS)] for episode in range(EPISODES)))
        for n in range(DRAMAS)
    ]


def write(to: Path) -> int:
    """Write the file that `juliu catalogue import` reads; how many dramas it has."""
    to.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(line, ensure_ascii=False) for line in _lines()]
    to.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(lines)


def _lines() -> Iterator[dict[str, Any]]:
    for drama in dramas():
        yield {
            "drama_id": drama.drama_id, "title": f"风暴中的短剧 {drama.drama_id}", "category": "都市", "tags": ["逆袭"],
            "cast": [], "region": "CN", "min_age": 0, "free_first": FREE_FIRST, "price_coins": PRICE_COINS,
            "published": True,
            "episodes": [
                {"episode_no": no, "duration_ms": ms, "media_path": f"storm/{drama.drama_id}/{no}.mp4"}
                for no, ms in enumerate(drama.durations_ms, 1)
            ],
        }  # fmt: skip
