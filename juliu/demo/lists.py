"""Asks the running API for lists of dramas, as viewers would."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

import msgspec

from juliu.demo.hits import LENGTH
from juliu.load.client import Client

AT_ONCE = 8


class Item(msgspec.Struct):
    """One drama of a list, as far as it is compared."""

    drama_id: int


class Page(msgspec.Struct):
    """A list as the API answers it."""

    items: list[Item]


class BadList(RuntimeError):
    """The API answered something else than a list."""


_page = msgspec.json.Decoder(Page).decode


async def feeds(client: Client, viewers: Iterable[int]) -> dict[int, list[int]]:
    """The first page of each viewer's feed."""
    return await _ask_all(client, {viewer: f"/v1/feed?size={LENGTH}" for viewer in viewers})


async def hot(client: Client, viewers: Iterable[int]) -> dict[int, list[int]]:
    """The hot list as each viewer is shown it."""
    return await _ask_all(client, {viewer: f"/v1/hot?size={LENGTH}" for viewer in viewers})


async def also_watched(client: Client, seeds: Mapping[int, int]) -> dict[int, list[int]]:
    """What people also watched, of each viewer's drama."""
    return await _ask_all(
        client, {viewer: f"/v1/dramas/{drama}/also-watched?size={LENGTH}" for viewer, drama in seeds.items()}
    )


async def _ask_all(client: Client, paths: Mapping[int, str]) -> dict[int, list[int]]:
    """The dramas of each answer; a drama of which nothing is known (404) has an empty list.  Raises BadList, GaveUp."""
    free = asyncio.Semaphore(AT_ONCE)

    async def ask(viewer: int, path: str) -> tuple[int, list[int]]:
        async with free:
            answer = await client.get(viewer, path)
        if answer.status == 404:
            return viewer, []
        try:
            if answer.status == 200:
                return viewer, [item.drama_id for item in _page(answer.body).items]
        except msgspec.DecodeError as error:
            raise BadList(f"GET {path}: {error}: {answer.body[:300]!r}") from error
        raise BadList(f"GET {path}: {answer.status} {answer.body[:300]!r}")

    return dict(await asyncio.gather(*(ask(viewer, path) for viewer, path in paths.items())))
