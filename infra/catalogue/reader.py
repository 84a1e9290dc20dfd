"""Reads the published catalogue from Redis; threads decode it, a chunk at a time, so that the event loop goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, cast

from redis.asyncio import Redis

from domain import keys
from domain.catalogue import Catalogue, Drama
from infra.catalogue.form import CatalogueDamaged, Version, read_chunk, read_delta, read_meta

DELTAS_AT_ONCE = 20


async def read_catalogue(redis: Redis) -> Catalogue:
    """The catalogue as it is published now, for a process that needs it once.

    Raises CatalogueDamaged where none is published or it is not whole.
    """
    version, takedowns = await head(redis)
    return (await read_base(redis, version)).with_takedowns(takedowns)


async def head(redis: Redis) -> tuple[Version, frozenset[int]]:
    """The version and the take-downs, as of one moment.  Raises CatalogueDamaged where nothing is published."""
    async with redis.pipeline(transaction=True) as pipe:
        pipe.get(keys.CATALOGUE_VERSION)
        pipe.smembers(keys.TAKEDOWNS)
        version, takedowns = await pipe.execute()
    if version is None:
        raise CatalogueDamaged("no catalogue is published: juliu catalogue import, or juliu catalogue publish")
    try:
        return Version.parse(version), frozenset(map(int, takedowns))
    except ValueError as error:
        raise CatalogueDamaged("the take-downs hold something that is no drama id") from error


async def read_base(redis: Redis, version: Version) -> Catalogue:
    """The whole catalogue as of a version.  Raises CatalogueDamaged where it is not whole (or was just forgotten)."""
    meta = read_meta(await _get(redis, keys.catalogue_meta(version.base)))
    dramas: list[Drama] = []
    for position, digest in enumerate(meta.chunks):
        chunk = await _get(redis, keys.catalogue_base(version.base, position))
        dramas += await asyncio.to_thread(read_chunk, chunk, digest)
    if len(dramas) != meta.dramas:
        raise CatalogueDamaged(f"base {version.base} has {len(dramas)} dramas, not {meta.dramas}")
    whole = await asyncio.to_thread(_with, Catalogue.of(()), dramas)
    return await read_on(redis, whole, Version(version.base, 0, meta.revision), version)


async def read_on(redis: Redis, catalogue: Catalogue, at: Version, version: Version) -> Catalogue:
    """The catalogue, which is that of `at`, brought on to a later version of the same base.

    Raises CatalogueDamaged where the deltas do not lead from the one to the other.
    """
    dramas, revision = [], at.revision
    for start in range(at.deltas, version.deltas, DELTAS_AT_ONCE):
        end = min(start + DELTAS_AT_ONCE, version.deltas) - 1
        for raw in await redis.lrange(keys.catalogue_deltas(version.base), start, end):
            delta = await asyncio.to_thread(read_delta, cast(bytes, raw))
            if delta.after != revision:
                raise CatalogueDamaged(f"the deltas of {version} do not follow one another")
            revision = delta.revision
            dramas += delta.dramas
    if revision != version.revision:
        raise CatalogueDamaged(f"the deltas lead to revision {revision}, not to that of {version}")
    return await asyncio.to_thread(_with, catalogue, dramas)


def _with(catalogue: Catalogue, dramas: Iterable[Drama]) -> Catalogue:
    try:
        return catalogue.with_changes(dramas)
    except ValueError as error:
        raise CatalogueDamaged(str(error)) from error


async def _get(redis: Redis, key: str) -> bytes:
    raw: Any = await redis.get(key)
    if raw is None:
        raise CatalogueDamaged(f"{key} is missing")
    return cast(bytes, raw)
