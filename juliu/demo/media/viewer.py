"""A viewer of the five episodes, who asks how to play them and unlocks what costs coins; and another, who tries too."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

import msgspec

from infra.money.wallet import Wallet
from infra.mysql.engine import engine_of
from infra.settings import Settings
from juliu.demo.media.drama import DRAMA_ID, PRICE_COINS
from juliu.load.client import Client
from juliu.load.line import Answer

VIEWER, ANOTHER = 713, 714
_PUBLISHED_WITHIN_S = 30.0  # the catalogue is followed within a second
_POLL_S = 0.1


class NotPlayable(RuntimeError):
    """The API answered what it should not; the message has what it said."""


class _Played(msgspec.Struct):
    address: str


class _Price(msgspec.Struct):
    price_version: str


class _Locked(msgspec.Struct):
    price: _Price


async def addresses(client: Client, settings: Settings, episodes: Sequence[int]) -> dict[int, str]:
    """The master playlist's address of each episode, relative to the API, for VIEWER.

    What is locked is unlocked with coins that are given.  Raises NotPlayable, GaveUp.
    """
    return {no: await _address(client, settings, no) for no in episodes}


async def tried_by_another(client: Client, address: str, rung: str) -> Mapping[str, int]:
    """What the key service answers (HTTP status) to VIEWER, and to ANOTHER with VIEWER's address."""
    key = f"{address.rpartition('/')[0]}/{rung}/key"
    return {"viewer": (await client.get(VIEWER, key)).status, "another": (await client.get(ANOTHER, key)).status}


async def _address(client: Client, settings: Settings, episode_no: int) -> str:
    """Once the API has heard that it is published."""
    until = time.monotonic() + _PUBLISHED_WITHIN_S
    answer = await client.get(VIEWER, f"{_path(episode_no)}/play")
    if answer.status == 402:
        await _unlock(client, settings, episode_no, answer)
    while not (address := _address_of(await client.get(VIEWER, f"{_path(episode_no)}/play"))).endswith("/master.m3u8"):
        if time.monotonic() > until:
            raise NotPlayable(f"episode {episode_no} is not published: its address is {address}")
        await asyncio.sleep(_POLL_S)
    return address


async def _unlock(client: Client, settings: Settings, episode_no: int, locked: Answer) -> None:
    price = msgspec.json.decode(locked.body, type=_Locked).price
    await asyncio.to_thread(_give, settings, episode_no)
    order, key = msgspec.json.encode({"price_version": price.price_version}), f"media-demo-{episode_no}"
    _expect_ok(await client.call(VIEWER, "POST", f"{_path(episode_no)}/unlock", order, f"Idempotency-Key: {key}"))


def _give(settings: Settings, episode_no: int) -> None:
    """Coins for one episode."""
    engine = engine_of(settings)
    try:
        wallet = Wallet(engine, lambda: int(time.time() * 1000))
        wallet.credit(VIEWER, PRICE_COINS, "the demo's gift", f"media-demo-{episode_no}", "bonus")
    finally:
        engine.dispose()


def _address_of(answer: Answer) -> str:
    return msgspec.json.decode(_expect_ok(answer), type=_Played).address


def _expect_ok(answer: Answer) -> bytes:
    if answer.status != 200:
        raise NotPlayable(f"the API answered {answer.status} for 200: {answer.body[:500]!r}")
    return answer.body


def _path(episode_no: int) -> str:
    return f"/v1/dramas/{DRAMA_ID}/episodes/{episode_no}"
