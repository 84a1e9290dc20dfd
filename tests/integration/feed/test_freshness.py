"""What a viewer did a moment ago changes what they are shown: rows, `juliu refresh`, the feed; on real servers."""

from __future__ import annotations

import time

import httpx
import pytest

from infra.clickhouse.client import connect
from tests.builders import a_token
from tests.served import DRAMAS
from tests.typed import typed
from tests.watch_rows import DRAMA_OF, a_watch, insert

pytestmark = pytest.mark.servers

VIEWERS = 60
HOUR_MS = 3_600_000
NEWCOMER = 7_777


async def personal(api: httpx.AsyncClient, user: int) -> list[int]:
    """Dense indexes of what a new page has because of the viewer's own list."""
    token = a_token(user, now_s=int(time.time()))
    answer = await api.get("/v1/feed?size=10", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.text
    return [item["drama_id"] - DRAMA_OF for item in answer.json()["items"] if item["source"] == "personal"]


async def test_a_viewer_who_came_after_the_training_is_shown_more_of_what_they_watched(rig, api):
    now_ms = int(time.time() * 1000)
    with connect(rig.settings) as client:
        for user in range(1, VIEWERS + 1):
            mine = [index for index in range(1, DRAMAS + 1) if index % 2 == user % 2]
            some = [mine[(7 * user + 3 * step) % len(mine)] for step in range(8)]
            rows = [row for index in some for row in a_watch(user, index, now_ms - HOUR_MS * (1 + index))]
            insert(client, rows)
        trained = typed(rig.settings, "train")
        assert trained.returncode == 0, trained.stderr
        assert await personal(api, NEWCOMER) == []
        watched = [2, 4, 6, 8, 10]
        insert(client, [row for index in watched for row in a_watch(NEWCOMER, index, int(time.time() * 1000))])
    done = typed(rig.settings, "refresh", "fold-in")
    assert done.returncode == 0, done.stderr
    shown = await personal(api, NEWCOMER)
    assert len(shown) >= 3
    assert sum(index % 2 == 0 for index in shown) > len(shown) / 2
    assert not set(shown) & set(watched)
