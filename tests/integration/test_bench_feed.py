"""The benchmark of the feed: whose pages are asked for, and what of the answers is measured, on twins."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import pytest

from domain import keys
from domain.recommendations import Version, encode_block
from infra.local.errors import StackError
from juliu.bench.feed import BATCH, FeedLoad, recommended
from juliu.bench.traffic import Traffic
from juliu.load.line import Answer

PAGE = b'{"request_id":"1","items":[{"source":"personal","position":1},{"source":"hot","position":2}]}'
VERSION = Version(1, 3, "0000000a")


@dataclass
class Redis:
    """Strings."""

    values: dict[str, bytes] = field(default_factory=dict)

    async def get(self, key: str) -> bytes | None:
        return self.values.get(key)

    async def mget(self, names: list[str]) -> list[bytes | None]:
        return [self.values.get(name) for name in names]


@dataclass
class Api:
    """Answers every third page with "busy"."""

    asked: list[int] = field(default_factory=list)
    events: int = 0

    async def get(self, user_id: int, path: str) -> Answer:
        assert path.startswith("/v1/feed")
        self.asked.append(user_id)
        return Answer(200, None, PAGE) if len(self.asked) % 3 else Answer(500, None, b"")

    async def post(self, one: Any, sent: Any) -> None:
        self.events += one.events
        sent.accepted += one.events


async def test_viewers_are_those_of_the_published_blocks():
    blocks = {
        keys.rec_users(str(VERSION), number): encode_block([(user, b"\1\0") for user in users])
        for number, users in ((0, [5, 9]), (2, [7]))
    }
    there = Redis({keys.REC_CURRENT: str(VERSION).encode(), **blocks})
    assert await recommended(there, seed=1) == [5, 7, 9]


@pytest.mark.parametrize("values", [{}, {keys.REC_CURRENT: b"?"}, {keys.REC_CURRENT: b"1-1-0000000a"}])
async def test_where_nothing_is_published_it_says_what_to_do(values):
    with pytest.raises(StackError, match="juliu train"):
        await recommended(Redis(values), seed=1)


async def test_pages_and_events_come_at_their_rates_and_all_answers_are_counted():
    api, traffic = Api(), Traffic([(7, 60_000)], lambda: 1_000)
    load = FeedLoad(api, api, traffic, [1, 2, 3, 4], {"api": os.getpid()})
    found = await load.run(600, 2_000, 0.1)
    assert sorted(api.asked) == sorted([1, 2, 3, 4] * 15)
    assert (found.pages, found.answers, found.sources) == (60, {"200": 40, "500": 20}, {"personal": 40, "hot": 40})
    assert found.items_a_page == round(80 / 60, 2)
    assert found.page.events == 60
    assert api.events == 2 * 200 == 2 * BATCH * 20
    assert found.events_per_s == 2_000
