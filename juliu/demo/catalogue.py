"""The demo's catalogue: a video of the log is a drama of one episode; and one made-up serial that costs coins."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pyarrow import parquet

LEAST_DURATION_MS = 1_000
SERIAL_ID, EPISODES, FREE_FIRST, PRICE_COINS = 1_000_001, 20, 3, 30
EPISODE_MS = 90_000


def durations_ms(folder: Path) -> dict[int, int]:
    """Drama id -> its length: the video's own, else the longest play seen, at least LEAST_DURATION_MS."""
    longest = _longest_plays_ms(folder)
    return {
        drama_id: int(float(row["video_duration"]))
        if row["video_duration"]
        else max(longest.get(drama_id, 0), LEAST_DURATION_MS)
        for drama_id, row in _videos(folder)
    }


def dramas(folder: Path) -> Iterator[dict[str, Any]]:
    """The catalogue, a drama at a time, in the shape that `juliu catalogue import` reads."""
    durations = durations_ms(folder)
    for drama_id, row in _videos(folder):
        yield _drama(drama_id, row, durations[drama_id])


def serial() -> dict[str, Any]:
    """The serial that the demo's shop sells: the first episodes free, coins for each later one."""
    episodes = [
        {"episode_no": no, "duration_ms": EPISODE_MS, "media_path": f"serial/{no}.mp4"} for no in range(1, EPISODES + 1)
    ]
    return {
        "drama_id": SERIAL_ID, "title": "重生之我在云端写代码", "category": "都市", "tags": ["逆袭"], "cast": [],
        "region": "CN", "min_age": 0, "free_first": FREE_FIRST, "price_coins": PRICE_COINS, "published": True,
        "episodes": episodes,
    }  # fmt: skip


def write(folder: Path, to: Path) -> int:
    """Write the catalogue of the log and the serial as JSON lines; how many dramas it has."""
    return write_lines((*dramas(folder), serial()), to)


def write_lines(dramas: Iterable[dict[str, Any]], to: Path) -> int:
    """Write these as JSON lines; how many they are."""
    lines = [json.dumps(drama, ensure_ascii=False) for drama in dramas]
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(lines)


def _drama(drama_id: int, row: dict[str, str], duration_ms: int) -> dict[str, Any]:
    tags = [f"标签{tag}" for tag in row["tag"].split(",") if tag]
    return {
        "drama_id": drama_id,
        "title": f"短剧{drama_id}号",
        "category": f"类别{row['tag'].split(',')[0]}" if tags else "未分类",
        "tags": tags,
        "cast": [f"作者{row['author_id']}"],
        "region": "CN",
        "min_age": 0,
        "free_first": 1,
        "price_coins": 0,
        "published": True,
        "episodes": [{"episode_no": 1, "duration_ms": duration_ms, "media_path": f"kuairand/{drama_id}/1.mp4"}],
    }


def _videos(folder: Path) -> Iterator[tuple[int, dict[str, str]]]:
    with (folder / "videos.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield int(row["video_id"]) + 1, row


def _longest_plays_ms(folder: Path) -> dict[int, int]:
    table = parquet.read_table(folder / "log.parquet", columns=["video_id", "play_time_ms"])
    videos, plays = table["video_id"].to_numpy(), table["play_time_ms"].to_numpy()
    longest = np.zeros(int(videos.max()) + 1, dtype=np.int64)
    np.maximum.at(longest, videos, plays)
    return {video + 1: int(ms) for video, ms in enumerate(longest)}
