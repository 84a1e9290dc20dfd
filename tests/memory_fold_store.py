"""The twin of infra.fold_store.RedisFoldStore: plain dicts that keep the same promises, and faults on request."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from domain import effects, keys
from infra.fold_store import (
    Applied,
    Broken,
    FenceBroken,
    FenceMissing,
    Missing,
    NamespaceMoved,
    Place,
    Refused,
    Values,
    Wait,
)
from tests.twin import Twin

T = TypeVar("T")
MAX_ARGUMENTS, MAX_BIT, MAX_STEP = 7900, 2**24 - 1, 10**15


class MemoryFoldStore:
    """FoldStore in memory, for one group.

    `faults` is an iterator of None (all well), "lost" (nothing happens, no answer) and "unanswered" (it happens, no
    answer), one a call.
    """

    def __init__(self, group: str, partitions: int = 4, faults: Iterator[str | None] | None = None) -> None:
        self.group, self.faults = group, faults
        self.namespaces = dict.fromkeys(range(partitions), 1)
        self.parts = {(1, p): Twin() for p in range(partitions)}
        self.broken: dict[tuple[int, int], str] = {}
        self.calls = 0

    def make(self, p: int, namespace: int, fence: int = -1) -> None:
        """Another namespace of a partition, not yet in use."""
        self.parts[namespace, p] = Twin()
        self.parts[namespace, p].fence = fence

    def use(self, p: int, namespace: int) -> None:
        """Move the pointer."""
        self.namespaces[p] = namespace

    def lose_fence(self, p: int) -> None:
        """As if it had never been made."""
        del self.parts[self.namespaces[p], p]

    async def fence(self, p: int) -> Place:
        """See FoldStore."""
        return self._faulty(lambda: Place(self.namespaces[p], self._part(p, self.namespaces[p]).fence))

    async def read(self, p: int, namespace: int, missing: Missing) -> tuple[int, Values]:
        """See FoldStore."""

        def read() -> tuple[int, Values]:
            part = self._part(p, namespace)
            return part.fence, part.read(missing)

        return self._faulty(read)

    async def apply(self, p: int, namespace: int, runs: list[effects.Run]) -> Applied:
        """See FoldStore."""

        def apply() -> Applied:
            done = [self._one(p, namespace, run) for run in runs]
            return Applied(all(done), self._part(p, namespace).fence)

        return self._faulty(apply)

    def _faulty(self, call: Callable[[], T]) -> T:
        self.calls += 1
        fault = next(self.faults, None) if self.faults else None
        if fault == "lost":
            raise Wait("redis", "lost")
        answer = call()
        if fault == "unanswered":
            raise Wait("redis", "unanswered")
        return answer

    def _part(self, p: int, namespace: int) -> Twin:
        if self.namespaces[p] != namespace:
            raise NamespaceMoved(f"{p} is {self.namespaces[p]}")
        if (namespace, p) in self.broken:
            raise FenceBroken(self.broken[namespace, p])
        if (namespace, p) not in self.parts:
            raise FenceMissing(f"{p}")
        return self.parts[namespace, p]

    def _one(self, p: int, namespace: int, run: effects.Run) -> bool:
        part = self._part(p, namespace)
        if run.first - 1 != part.fence:
            return False
        if run.last < run.first:
            raise Broken("GAP")
        fence = keys.fence(self.group, namespace, p)
        for command in run.commands:
            _check(command, f"{{{p}}}", {fence, keys.namespace(p)})
        try:
            return part.apply(run)
        except Exception as error:
            self.broken[namespace, p] = f"broken {run.last}"
            raise Broken("half-way") from error


def _check(command: list[Any], tag: str, forbidden: set[str]) -> None:
    """The rules of apply.lua."""
    verb, key, *rest = command
    if not isinstance(key, str) or key in forbidden or key.find(tag) == -1 or key.find(tag) != key.find("{"):
        raise Refused(f"key {key}")
    if not rest or len(command) > MAX_ARGUMENTS or verb not in CHECKS or not CHECKS[verb](rest):
        raise Refused(f"{verb} {key}")


def _texts(rest: list[Any]) -> bool:
    return all(isinstance(x, str | int | float) and not isinstance(x, bool) for x in rest)


def _pairs(good: Callable[[Any], bool]) -> Callable[[list[Any]], bool]:
    return lambda rest: len(rest) % 2 == 0 and _texts(rest) and all(good(x) for x in rest[1::2])


def _integer(low: int, high: int) -> Callable[[Any], bool]:
    return lambda x: isinstance(x, int) and not isinstance(x, bool) and low <= x <= high


def _finite(x: Any) -> bool:
    try:
        return math.isfinite(float(x))
    except ValueError:
        return False


def _bits(rest: list[Any]) -> bool:
    return len(rest) % 2 == 0 and all(map(_integer(0, MAX_BIT), rest[::2])) and all(map(_integer(0, 1), rest[1::2]))


CHECKS: dict[str, Callable[[list[Any]], bool]] = {
    "HSET": _pairs(lambda _: True),
    "HDEL": _texts,
    "HINCRBY": _pairs(_integer(-MAX_STEP, MAX_STEP)),
    "ZINCRBY": _pairs(_finite),
    "ZADD": _pairs(_finite),
    "ZADDGT": _pairs(_finite),
    "ZTRIM": lambda rest: len(rest) == 1 and _integer(0, 10**9)(rest[0]),
    "SETBIT": _bits,
    "SET": lambda rest: len(rest) == 1 and _texts(rest),
    "EXPIRE": lambda rest: len(rest) == 1 and _integer(1, 10**10)(rest[0]),
}
