"""Builders for catalogue tests: lines as files have them, dramas as readers have them, and a shelf that breaks."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from domain.catalogue import Drama
from infra.catalogue.shelf import Shelf

EPISODE_MS = 60_000


def a_line(drama_id: int = 7, how_many: int = 2, **fields: Any) -> dict[str, Any]:
    """A right line of `how_many` episodes; `fields` replace or add, a field given as ... is left out."""
    line: dict[str, Any] = {
        "drama_id": drama_id,
        "title": f"重生之总裁 {drama_id}",
        "category": "都市",
        "tags": ["甜宠", "逆袭"],
        "cast": ["张三", "李四"],
        "region": "CN",
        "min_age": 0,
        "free_first": 5,
        "price_coins": 80,
        "published": True,
        "episodes": [an_episode(number, drama_id) for number in range(1, how_many + 1)],
    }
    return {name: value for name, value in (line | fields).items() if value is not ...}


def an_episode(number: int = 1, drama_id: int = 7, **fields: Any) -> dict[str, Any]:
    """A right episode of a line; its duration tells its number."""
    path = f"dramas/{drama_id}/{number}/master.m3u8"
    return {"episode_no": number, "duration_ms": EPISODE_MS + number, "media_path": path} | fields


def raw(line: Any) -> bytes:
    """The line as bytes, without its end."""
    return json.dumps(line, ensure_ascii=False).encode()


def a_file(path: Path, *lines: Any) -> Path:
    """A file of these lines (bytes as they are, anything else as JSON)."""
    path.write_bytes(b"".join((line if isinstance(line, bytes) else raw(line)) + b"\n" for line in lines))
    return path


def a_drama(drama_id: int = 7, index: int = 1, episodes: int = 2, **fields: Any) -> Drama:
    """A drama as readers have it."""
    durations = [EPISODE_MS + number for number in range(1, episodes + 1)]
    return Drama(drama_id=drama_id, index=index, **{"title": f"drama {drama_id}", "durations": durations} | fields)


class Crash(Exception):
    """The publisher's process ended here."""


class BreakingShelf:
    """A shelf on which the publisher dies: just before its `at`th write (counted from 1), or just after it."""

    WRITES = frozenset({"put_meta", "put_chunk", "switch", "push", "forget", "take_down"})

    def __init__(self, shelf: Shelf, at: int, *, after: bool) -> None:
        self._shelf = shelf
        self._left = at
        self._after = after

    @property
    def broke(self) -> bool:
        """Whether there was such a write."""
        return self._left <= 0

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._shelf, name)
        return self._breaking(call) if name in self.WRITES else call

    def _breaking(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def write(*arguments: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._after:
                raise Crash
            answer = call(*arguments)
            if self._left == 0:
                raise Crash
            return answer

        return write
