"""Answers that may be used again for a short while: bounded in number and age, the least used go first."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Remembered(Generic[K, V]):
    """At most `most` values, each for `life_s` after it was put."""

    def __init__(self, most: int, life_s: float, clock: Callable[[], float]) -> None:
        self._most = most
        self._life_s = life_s
        self._clock = clock
        self._values: OrderedDict[K, tuple[V, float]] = OrderedDict()

    def get(self, key: K, younger_s: float = math.inf) -> V | None:
        """The value, if it is not too old; where `younger_s` is given, if it was put less than so many seconds ago."""
        found = self._values.get(key)
        if found is None:
            return None
        value, put_s = found
        if self._clock() - put_s >= self._life_s:
            del self._values[key]
            return None
        if self._clock() - put_s >= younger_s:
            return None
        self._values.move_to_end(key)
        return value

    def forget(self, key: K) -> None:
        """Forget it, if it is there."""
        self._values.pop(key, None)

    def put(self, key: K, value: V) -> None:
        """Remember it from now on."""
        self._values[key] = value, self._clock()
        self._values.move_to_end(key)
        if len(self._values) > self._most:
            self._values.popitem(last=False)
