"""The publisher's hands in Redis: each method is one step that readers see whole or not at all."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol, cast

import redis

from domain import keys
from infra.catalogue.form import CatalogueDamaged, Version
from infra.settings import Settings

MOVED, DONE, TORN = 0, 1, 2

# KEYS version; ARGV the version expected ("" = none), the new one
SWITCH = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""
# KEYS version, deltas; ARGV the version expected, the new one, how many deltas there are, the delta
PUSH = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if redis.call('LLEN', KEYS[2]) ~= tonumber(ARGV[3]) then return 2 end
redis.call('RPUSH', KEYS[2], ARGV[4])
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""


class Shelf(Protocol):
    """Where the catalogue is put for readers.  What is put counts once `switch` or `push` moves the version."""

    def version(self) -> Version | None:
        """The version that readers follow; None before the first.  Raises CatalogueDamaged where it is none."""

    def put_meta(self, base: int, meta: bytes) -> None:
        """Put what a base consists of.  It goes first, so that an unfinished base can be found and forgotten."""

    def put_chunk(self, base: int, chunk: int, data: bytes) -> None:
        """Put one chunk of a base."""

    def switch(self, expected: Version | None, new: Version) -> bool:
        """Readers follow `new` from now on.  False, and nothing done, where the version is no longer `expected`."""

    def push(self, expected: Version, new: Version, delta: bytes) -> bool:
        """Add a delta and move the version, both or none.  False, and nothing done, where it is no longer `expected`.

        Raises CatalogueDamaged where the list holds other than `expected.deltas` deltas: publish again.
        """

    def meta(self, base: int) -> bytes | None:
        """The meta of a base; None where there is no such base."""

    def whole(self, version: Version, chunks: int) -> bool:
        """Whether every chunk and delta of this version is there."""

    def forget(self, base: int, chunks: int) -> None:
        """Take a base away, its meta last."""

    def takedowns(self) -> set[int]:
        """The dramas that are taken down.  Raises CatalogueDamaged where there is anything else among them."""

    def take_down(self, add: Collection[int], remove: Collection[int]) -> None:
        """Add to and remove from the dramas that are taken down."""


class RedisShelf:
    """The shelf that followers read."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._switch = client.register_script(SWITCH)
        self._push = client.register_script(PUSH)

    @classmethod
    def of(cls, settings: Settings) -> RedisShelf:
        """Connects when first used; no answer within 5 s is redis.TimeoutError."""
        return cls(redis.Redis.from_url(settings.redis_url, socket_timeout=5, socket_connect_timeout=5))

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()

    def version(self) -> Version | None:
        raw = cast("bytes | None", self._redis.get(keys.CATALOGUE_VERSION))
        try:
            return Version.parse(raw) if raw else None
        except CatalogueDamaged as error:
            raise CatalogueDamaged(f"{error}; delete the key {keys.CATALOGUE_VERSION} and publish again") from error

    def put_meta(self, base: int, meta: bytes) -> None:
        self._redis.set(keys.catalogue_meta(base), meta)

    def put_chunk(self, base: int, chunk: int, data: bytes) -> None:
        self._redis.set(keys.catalogue_base(base, chunk), data)

    def switch(self, expected: Version | None, new: Version) -> bool:
        answer = self._switch(keys=[keys.CATALOGUE_VERSION], args=[str(expected or ""), str(new)])
        return bool(answer == DONE)

    def push(self, expected: Version, new: Version, delta: bytes) -> bool:
        answer = self._push(
            keys=[keys.CATALOGUE_VERSION, keys.catalogue_deltas(expected.base)],
            args=[str(expected), str(new), expected.deltas, delta],
        )
        if answer == TORN:
            raise CatalogueDamaged(f"the deltas of base {expected.base} are not {expected.deltas}")
        return bool(answer == DONE)

    def meta(self, base: int) -> bytes | None:
        return cast("bytes | None", self._redis.get(keys.catalogue_meta(base)))

    def whole(self, version: Version, chunks: int) -> bool:
        names = [keys.catalogue_base(version.base, chunk) for chunk in range(chunks)]
        there = self._redis.exists(*names) if names else 0
        return bool(there == chunks and self._redis.llen(keys.catalogue_deltas(version.base)) == version.deltas)

    def forget(self, base: int, chunks: int) -> None:
        gone = [keys.catalogue_base(base, chunk) for chunk in range(chunks)]
        self._redis.unlink(*gone, keys.catalogue_deltas(base))
        self._redis.unlink(keys.catalogue_meta(base))

    def takedowns(self) -> set[int]:
        try:
            return {int(raw) for raw in cast("set[Any]", self._redis.smembers(keys.TAKEDOWNS))}
        except ValueError as error:
            raise CatalogueDamaged(f"not all are ids; delete the key {keys.TAKEDOWNS} and publish again") from error

    def take_down(self, add: Collection[int], remove: Collection[int]) -> None:
        with self._redis.pipeline(transaction=True) as pipe:
            if add:
                pipe.sadd(keys.TAKEDOWNS, *add)
            if remove:
                pipe.srem(keys.TAKEDOWNS, *remove)
            pipe.execute()
