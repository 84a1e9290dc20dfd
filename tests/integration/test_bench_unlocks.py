"""The benchmark of unlocks: what is bought, and what of it is measured, on twins of what it measures."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest

from domain import events
from domain.pricing import terms
from infra.log_reader import Entry
from juliu.bench.pace import TooSlow
from juliu.bench.unlocks import Paid, Unlocks, paid_episodes, purchases
from juliu.load.line import Answer
from tests.builders import DRAMA, NOW_MS, OTHER_DRAMA, a_catalogue, a_drama

PAID = [Paid(DRAMA, number, 60, "v") for number in range(2, 12)]
VIEWERS = range(100, 110)


def test_only_what_is_shown_and_costs_coins_is_bought() -> None:
    ours = a_drama(DRAMA, 1, episodes=4, free_first=2, price_coins=60)
    hidden = a_drama(OTHER_DRAMA, 2, episodes=4, free_first=0, price_coins=60, published=False)
    free = a_drama(11, 3, episodes=4, free_first=4, price_coins=60)
    version = terms(2, 60, 4).version
    assert paid_episodes(a_catalogue(ours, hidden, free), NOW_MS) == [
        Paid(DRAMA, 3, 60, version),
        Paid(DRAMA, 4, 60, version),
    ]


def test_no_two_purchases_are_the_same_and_viewers_take_turns() -> None:
    bought = list(purchases(VIEWERS, PAID, 100))
    assert len(set(bought)) == 100
    assert [user for user, _ in bought[:10]] == list(VIEWERS)
    with pytest.raises(TooSlow):
        list(purchases(VIEWERS, PAID, 101))


@dataclass
class Shop:
    """Everything that the benchmark speaks to: it unlocks for who has coins, tells the log, and has it at once."""

    coins: dict[int, int] = field(default_factory=dict)
    log: list[Entry] = field(default_factory=lambda: [_record("1", b"{}")])
    keys: set[str] = field(default_factory=set)
    refuse: set[int] = field(default_factory=set)

    def credit(self, user_id: int, coins: int, why: str, ref: str) -> None:
        self.coins[user_id] = coins

    async def call(self, user_id: int, method: str, path: str, body: bytes, key: str) -> Answer:
        assert (method, json.loads(body)) == ("POST", {"price_version": "v", "way": "episode"})
        self.keys.add(key)
        if user_id in self.refuse:
            return Answer(402, None, b"")
        self.coins[user_id] -= 60
        number = len(self.log)
        self.log.append(_record(str(user_id), an_unlocked(user_id, number)))
        self.log.append(_record("1", an_unlocked(1, number)))  # somebody else's
        return Answer(200, None, b"")

    def ends(self) -> list[int]:
        return [len(self.log)]

    def records(self, p: int, begin: int, end: int) -> list[Entry]:
        return [one._replace(offset=at) for at, one in enumerate(self.log)][begin:end]

    async def read(self, group: str) -> list[int]:
        return [len(self.log) - 1]

    async def wait(self, group: str, upto: list[int]) -> None:
        assert upto[0] < len(self.log)


def an_unlocked(user_id: int, number: int) -> bytes:
    return events.encode(
        events.Unlocked(
            event_id=uuid.UUID(int=number),
            user_id=user_id,
            session_id=events.SERVER_SESSION,
            seq=1,
            drama_id=DRAMA,
            episode_no=2,
            at_ms=NOW_MS,
            ts_ms=NOW_MS,
            received_at_ms=NOW_MS,
        )
    )


def _record(key: str, value: bytes) -> Entry:
    return Entry(0, key.encode(), value, 0)


async def test_every_unlock_is_paid_answered_and_found_in_the_log() -> None:
    shop: Any = Shop()
    found = await Unlocks(shop, shop, shop, shop, PAID, VIEWERS).run(rate=1_000, seconds=0.05)
    assert (found.asked, found.answers, found.told) == (50, {"200": 50}, 50)
    assert set(shop.coins.values()) == {0}  # each viewer was given what they spent
    assert len(shop.keys) == 50
    assert found.redis.events == found.clickhouse.events == found.answer.events == 50


async def test_what_was_refused_is_told_and_not_waited_for() -> None:
    shop: Any = Shop(refuse={VIEWERS[0]})
    found = await Unlocks(shop, shop, shop, shop, PAID, VIEWERS).run(rate=1_000, seconds=0.05)
    assert (found.answers, found.told) == ({"200": 45, "402": 5}, 45)


async def test_without_one_unlock_in_the_log_there_is_nothing_to_measure() -> None:
    shop: Any = Shop(refuse=set(VIEWERS))
    with pytest.raises(TooSlow, match="402"):
        await Unlocks(shop, shop, shop, shop, PAID, VIEWERS).run(rate=1_000, seconds=0.05)
