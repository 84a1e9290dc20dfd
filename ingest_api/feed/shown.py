"""One viewer's side of the feed: one read before a page is made, one step that serves it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, cast

from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisError

from domain import keys, registers, state
from domain.feed import SEEDS
from domain.recommendations import Damaged, Version, block_of, find
from domain.registers import Register
from infra.place import ROOT
from ingest_api.errors import ViewersUnavailable
from ingest_api.product.viewers import RedisViewers

ANSWER_S = 0.5  # past it a page is made without
SERVE = ROOT / "infra" / "lua" / "serve.lua"


class Before(NamedTuple):
    """A viewer before the page.  Bitmaps by dense drama index; `last` are the dramas watched last, latest first.

    `personal` is their list in the version, by dense index; None where it could not be read.
    """

    seen: bytes = b""
    served: bytes = b""
    last: Sequence[int] = ()
    personal: Sequence[int] | None = ()


class Candidate(NamedTuple):
    """A drama that may be served, and whether it was served before."""

    drama_index: int
    drama_id: int
    again: bool


class Served(NamedTuple):
    """What was taken of the candidates, by their places; where the viewer is in each; indexes that were passed over."""

    places: Sequence[int]
    progress: Sequence[Register | None]
    passed: Sequence[int] = ()


class Shown(Protocol):
    """The viewers' side of the feed.  Every call may raise ViewersUnavailable."""

    async def before(self, user_id: int, version: Version | None) -> Before:
        """What is needed before a page is made."""

    async def serve(self, user_id: int, candidates: Sequence[Candidate], size: int) -> Served:
        """Take the first `size`, and note them as served, both in one step.

        Passed over is what the viewer dislikes, and what another page has taken since the candidates were chosen.
        One that was served before begins a new round: what else was served is forgotten.
        """

    async def seen_at_ms(self, user_id: int) -> dict[int, int]:
        """When the latest dramas (keys.RECENT_KEPT of them) were watched, by drama id."""

    async def disliked(self, user_id: int, drama_ids: Sequence[int]) -> set[int]:
        """Those that the viewer dislikes."""


class RedisShown:
    """Shown, in the keys of the viewer's partition."""

    def __init__(self, redis: Redis, viewers: RedisViewers) -> None:
        self._redis = redis
        self._viewers = viewers
        self._script: AsyncScript | None = None

    async def before(self, user_id: int, version: Version | None) -> Before:
        """See Shown."""
        try:
            async with asyncio.timeout(ANSWER_S):
                namespace, p = await self._viewers.place(user_id)
                pipe = self._redis.pipeline(transaction=False)
                pipe.get(keys.seen(namespace, p, user_id))
                pipe.get(keys.served(p, user_id))
                pipe.zrange(keys.recent(namespace, p, user_id), 0, SEEDS - 1, desc=True)
                if version is not None:
                    pipe.get(keys.rec_users(str(version), block_of(user_id, version.blocks)))
                seen, served, recent, *block = await pipe.execute()
        except (RedisError, OSError, TimeoutError) as error:
            raise ViewersUnavailable from error
        last = [int(drama_id) for drama_id in recent]
        return Before(seen or b"", served or b"", last, _personal(block[0] if block else None, user_id))

    async def serve(self, user_id: int, candidates: Sequence[Candidate], size: int) -> Served:
        """See Shown."""
        told = " ".join(
            f"{index} {again:d} {state.dislike_field(drama_id)} {state.progress_field(drama_id)}"
            for index, drama_id, again in candidates
        )
        try:
            async with asyncio.timeout(ANSWER_S):
                namespace, p = await self._viewers.place(user_id)
                names = [keys.served(p, user_id), keys.user(namespace, p, user_id)]
                places, progress, passed = await self._serve(names, [size, keys.SERVED_LIFE_S, told])
        except (RedisError, OSError, TimeoutError) as error:
            raise ViewersUnavailable from error
        return Served(places, [_register(value, registers.PROGRESS_WIDTH) for value in progress], passed)

    @property
    def _serve(self) -> AsyncScript:
        if self._script is None:
            self._script = self._redis.register_script(SERVE.read_text(encoding="utf-8"))
        return self._script

    async def seen_at_ms(self, user_id: int) -> dict[int, int]:
        """See Shown."""
        try:
            async with asyncio.timeout(ANSWER_S):
                history = await self._viewers.history(user_id, 0, keys.RECENT_KEPT)
        except TimeoutError as error:
            raise ViewersUnavailable from error
        return {each.drama_id: each.at_ms for each in history}

    async def disliked(self, user_id: int, drama_ids: Sequence[int]) -> set[int]:
        """See Shown."""
        if not drama_ids:
            return set()
        try:
            async with asyncio.timeout(ANSWER_S):
                namespace, p = await self._viewers.place(user_id)
                fields = [state.dislike_field(drama_id) for drama_id in drama_ids]
                values = cast(list[bytes | None], await self._redis.hmget(keys.user(namespace, p, user_id), fields))
        except (RedisError, OSError, TimeoutError) as error:
            raise ViewersUnavailable from error
        registers_ = (_register(value, registers.REACTION_WIDTH) for value in values)
        return {drama_id for drama_id, on in zip(drama_ids, registers_, strict=True) if on and on[1] == (1,)}


def _personal(block: Any, user_id: int) -> Sequence[int] | None:
    try:
        return (find(cast(bytes, block), user_id) if block else None) or ()
    except Damaged:
        return None


def _register(value: bytes | None, width: int) -> Register | None:
    return registers.decode(value.decode() if value else None, width)
