"""What the merge task reads: each partition's numbers and heat, by pages, and their sums; without the canary's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import redis.asyncio as aioredis

from domain import canary, counters, effects, keys
from infra.fold_store import LUA, Place

PAGE = 2_000  # fields of one answer: about 2 ms of parsing, in a loop that others use
WIDTH = len(counters.COUNTERS)

Rows = dict[int, list[int]]
Heat = dict[str, dict[int, dict[int, float]]]  # decay -> epoch -> drama -> score
Told = list[tuple[str, range]]  # decay, the epochs of it that still tell


class Parts:
    """Reads the parts that the counters fold writes."""

    def __init__(self, client: aioredis.Redis, group: str, partitions: int) -> None:
        self._redis, self._group, self._partitions = client, group, partitions
        self._script = client.register_script((LUA / "fields.lua").read_text())

    async def places(self) -> dict[int, Place]:
        """Where each partition stands.  One that broke goes on being counted as it is; one without a fence does not."""
        pointers = await self._all([("GET", keys.namespace(p)) for p in range(self._partitions)])
        known = {p: int(pointer) for p, pointer in enumerate(pointers) if pointer is not None}
        fences = await self._all([("GET", keys.fence(self._group, ns, p)) for p, ns in known.items()])
        found = zip(known.items(), fences, strict=True)
        return {p: Place(ns, _offset(fence)) for (p, ns), fence in found if fence is not None}

    async def dirty(self, cursors: Mapping[int, tuple[int, int]]) -> dict[int, tuple[set[int], int]]:
        """By partition, the dramas that changed behind its cursor (namespace, offset), and the last such offset."""
        calls = [
            ("ZRANGEBYSCORE", keys.dirty(namespace, p), f"({offset}", "+inf", "WITHSCORES")
            for p, (namespace, offset) in cursors.items()
        ]
        found: dict[int, tuple[set[int], int]] = {}
        for p, answer in zip(cursors, await self._all(calls), strict=True):
            changed = _scores(answer)
            changed.pop(canary.DRAMA_ID, None)
            if changed:
                found[p] = (set(changed), int(max(changed.values())))
        return found

    async def rows(self, places: Mapping[int, Place], dramas: Iterable[int]) -> Rows:
        """Numbers of these dramas, summed over partitions."""
        wanted = sorted(dramas)
        sums: Rows = {}
        for at in range(0, len(wanted), PAGE // WIDTH):
            page = wanted[at : at + PAGE // WIDTH]
            fields = [counters.field(drama_id, counter) for drama_id in page for counter in range(WIDTH)]
            names = [keys.counters_part(where.namespace, p) for p, where in places.items()]
            parts = [await self._fields("HMGET", name, fields) for name in names]
            totals = [sum(int(x or 0) for x in column) for column in zip(*parts, strict=True)]
            sums |= {drama_id: totals[i * WIDTH : (i + 1) * WIDTH] for i, drama_id in enumerate(page)}
        return sums

    async def _fields(self, verb: str, key: str, fields: list[str]) -> list[str | None]:
        """Many fields of a hash, or scores; one argument and one answer, for a twentieth of what each its own costs."""
        values: list[str | None] = effects.decode_blob(
            await self._script(keys=[key], args=[verb, effects.encode_blob(fields)])
        )
        return values

    async def all_rows(self, places: Mapping[int, Place]) -> Rows:
        """Numbers of all dramas, summed over partitions."""
        sums: Rows = defaultdict(lambda: [0] * WIDTH)
        for p, where in places.items():
            pages = self._redis.hscan_iter(keys.counters_part(where.namespace, p), count=PAGE)
            of_part = {field: number async for field, number in pages}  # a scan may tell a field twice
            for field, number in of_part.items():
                drama_id, counter = counters.parse_field(field.decode())
                sums[drama_id][counter] += int(number)
        sums.pop(canary.DRAMA_ID, None)
        return dict(sums)

    async def merged_dramas(self) -> set[int]:
        """The dramas that have a merged row."""
        return {int(drama_id) async for drama_id, _ in self._redis.hscan_iter(keys.COUNTERS, count=PAGE)}

    async def heat(self, places: Mapping[int, Place], told: Told, dramas: Iterable[int]) -> Heat:
        """Heat of these dramas, summed over partitions; dramas without any are left out."""
        wanted = [str(drama_id) for drama_id in sorted(dramas)]
        found: Heat = {}
        for decay, epoch, name in await self._existing(_heat_keys(places, told)):
            for at in range(0, len(wanted), PAGE):
                page = wanted[at : at + PAGE]
                scores = zip(page, await self._fields("ZMSCORE", name, page), strict=True)
                _add(found, decay, epoch, {int(drama_id): float(score) for drama_id, score in scores if score})
        return found

    async def _existing(self, heats: list[tuple[str, int, str]]) -> list[tuple[str, int, str]]:
        """Of the last epoch, this and the next there is mostly only one."""
        there = await self._all([("EXISTS", name) for _, _, name in heats])
        return [heat for heat, exists in zip(heats, there, strict=True) if exists]

    async def all_heat(self, places: Mapping[int, Place], told: Told) -> Heat:
        """Heat of all dramas, summed over partitions."""
        found: Heat = {}
        for decay, epoch, name in _heat_keys(places, told):
            scores = {int(d): float(score) async for d, score in self._redis.zscan_iter(name, count=PAGE)}
            scores.pop(canary.DRAMA_ID, None)
            _add(found, decay, epoch, scores)
        return found

    async def drop_heat(self, places: Mapping[int, Place], told: Told) -> None:
        """Let go of the epochs before those that tell: their heat is below 2 ** -400."""
        calls = [
            ("UNLINK", *(keys.heat_part(decay, where.namespace, p, epoch) for epoch in range(tells.start)))
            for decay, tells in told
            for p, where in places.items()
            if tells.start
        ]
        await self._all(calls)

    async def _all(self, calls: list[tuple[Any, ...]]) -> list[Any]:
        """One round trip."""
        pipe = self._redis.pipeline(transaction=False)
        for call in calls:
            pipe.execute_command(*call)
        return await pipe.execute()


def _offset(fence: bytes) -> int:
    """The last offset that is surely in the store: all before the run that broke it."""
    return int(fence.removeprefix(b"broken ")) - fence.startswith(b"broken")


def _heat_keys(places: Mapping[int, Place], told: Told) -> list[tuple[str, int, str]]:
    return [
        (decay, epoch, keys.heat_part(decay, where.namespace, p, epoch))
        for decay, tells in told
        for epoch in tells
        for p, where in places.items()
    ]


def _add(found: Heat, decay: str, epoch: int, scores: Mapping[int, float]) -> None:
    of_epoch = found.setdefault(decay, {}).setdefault(epoch, {})
    for drama_id, score in scores.items():
        of_epoch[drama_id] = of_epoch.get(drama_id, 0.0) + score


def _scores(answer: Iterable[Any]) -> dict[int, float]:
    """Member and score, as redis-py gives them."""
    return {int(member): float(score) for member, score in answer}
