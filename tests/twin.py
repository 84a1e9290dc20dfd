"""The store of the fold as plain dicts: what apply.lua and read.lua do, without a server."""

from __future__ import annotations

from typing import Any

from domain import effects


class Twin:
    """One partition's fence and keys.  `lives` is what EXPIRE said last of each key."""

    def __init__(self) -> None:
        self.fence = -1
        self.hashes: dict[str, dict[str, Any]] = {}
        self.zsets: dict[str, dict[str, float]] = {}
        self.bitmaps: dict[str, set[int]] = {}
        self.strings: dict[str, str] = {}
        self.lives: dict[str, int] = {}

    def read(self, missing: dict[str, list[str]]) -> list[list[str | None]]:
        """The values of what is missing, in its order."""
        return [[self.hashes.get(key, {}).get(field) for field in fields] for key, fields in missing.items()]

    def apply(self, run: effects.Run) -> bool:
        """Apply the run if the fence is where it begins; it travels as it does to Redis."""
        expected, first, last, blob = run.arguments()
        if int(expected) != self.fence or int(first) != self.fence + 1:
            return False
        assert isinstance(blob, bytes)
        for verb, key, *rest in effects.decode_blob(blob):
            getattr(self, "_" + verb.lower())(key, *rest)
        self.fence = int(last)
        return True

    def _hset(self, key: str, *pairs: str) -> None:
        self.hashes.setdefault(key, {}).update(zip(pairs[::2], pairs[1::2], strict=True))

    def _hdel(self, key: str, *fields: str) -> None:
        for field in fields:
            self.hashes.get(key, {}).pop(field, None)

    def _hincrby(self, key: str, *pairs: Any) -> None:
        cells = self.hashes.setdefault(key, {})
        for field, n in zip(pairs[::2], pairs[1::2], strict=True):
            cells[field] = cells.get(field, 0) + n

    def _zincrby(self, key: str, *pairs: str) -> None:
        scores = self.zsets.setdefault(key, {})
        for member, amount in zip(pairs[::2], pairs[1::2], strict=True):
            scores[member] = scores.get(member, 0.0) + float(amount)

    def _zadd(self, key: str, *pairs: Any) -> None:
        self.zsets.setdefault(key, {}).update(zip(pairs[::2], pairs[1::2], strict=True))

    def _zaddgt(self, key: str, *pairs: Any) -> None:
        scores = self.zsets.setdefault(key, {})
        for member, score in zip(pairs[::2], pairs[1::2], strict=True):
            scores[member] = max(score, scores.get(member, score))

    def _ztrim(self, key: str, kept: int) -> None:
        scores = self.zsets[key]
        for member, _ in sorted(scores.items(), key=lambda x: (x[1], x[0]))[:-kept]:
            del scores[member]

    def _setbit(self, key: str, *pairs: int) -> None:
        for index, bit in zip(pairs[::2], pairs[1::2], strict=True):
            bits = self.bitmaps.setdefault(key, set())
            bits.add(index) if bit else bits.discard(index)

    def _set(self, key: str, text: str) -> None:
        self.strings[key] = text

    def _expire(self, key: str, seconds: int) -> None:
        assert any(key in family for family in (self.hashes, self.zsets, self.bitmaps)), f"{key} does not exist yet"
        self.lives[key] = seconds
