"""What a viewer asks of the API on real servers to play and to unlock an episode of DRAMA."""

from __future__ import annotations

import time
from typing import Any

import httpx

from tests.builders import a_token

DRAMA, USER, OTHER = 7, 11, 12


def now_ms() -> int:
    return int(time.time() * 1000)


def as_viewer(user: int) -> dict[str, str]:
    return {"authorization": f"Bearer {a_token(user, now_s=int(time.time()))}"}


async def play(api: httpx.AsyncClient, episode_no: int, user: int = USER) -> httpx.Response:
    """GET .../play."""
    return await api.get(f"/v1/dramas/{DRAMA}/episodes/{episode_no}/play", headers=as_viewer(user))


async def unlock(api: httpx.AsyncClient, episode_no: int, way: str, price_version: str) -> dict[str, Any]:
    """What USER is told who has the coins for it."""
    answer = await api.post(
        f"/v1/dramas/{DRAMA}/episodes/{episode_no}/unlock",
        json={"way": way, "price_version": price_version},
        headers=as_viewer(USER) | {"idempotency-key": f"{episode_no}-{way}"},
    )
    assert answer.status_code == 200, answer.text
    return dict(answer.json())
