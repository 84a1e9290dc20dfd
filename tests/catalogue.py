"""Builders for catalogue tests: lines as files have them, dramas as readers have them, and a shelf that breaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from domain.catalogue import Drama
from tests.breaking import Breaking

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
        "series": f"重生之总裁 {drama_id}",
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


class BreakingShelf(Breaking):
    """A shelf of the catalogue that breaks."""

    WRITES = frozenset({"put_meta", "put_chunk", "switch", "push", "forget", "take_down"})
