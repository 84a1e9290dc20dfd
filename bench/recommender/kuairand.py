"""The sample log as interactions: what viewers had watched before 25 April 2022, and two weeks of exposures after."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyarrow import Table, parquet

from recommender.interactions import Flags, Interactions, Ints, Known

CHINA = timedelta(hours=8)
DAY_MS = 86_400_000


def midnight_ms(month: int, day: int) -> int:
    """Unix ms at which that day of 2022 begins in China."""
    return round((datetime(2022, month, day, tzinfo=UTC) - CHINA).timestamp() * 1000)


BEGAN_MS = midnight_ms(4, 9)  # of the watches in `sequences`
PAST_UNTIL_MS, TEST_FROM_MS = midnight_ms(4, 25), midnight_ms(5, 1)


@dataclass(frozen=True)
class KuaiRand:
    """`past` is `sequences`, `log` the exposures after it; viewers and items by their ids, which are dense."""

    past: Interactions
    log: Interactions
    users: int
    items: int
    tag: NDArray[np.str_]  # of each item, its first
    kind: NDArray[np.float64]  # (items, kinds) 1 where it was uploaded in that way

    def known(self, log: Interactions, as_of_ms: int) -> Known:
        """What a model learns from, `log` being entries before that moment."""
        return Known(log, self.users, self.items, as_of_ms)

    def between(self, from_ms: int, until_ms: int) -> Interactions:
        """The exposures of those days."""
        return self.log.where((self.log.ts_ms >= from_ms) & (self.log.ts_ms < until_ms))

    def before(self, until_ms: int) -> Interactions:
        """All that is known of before that moment, in order of time."""
        return joined(self.past, self.between(0, until_ms))


def read(folder: Path) -> KuaiRand:
    """Of a folder with log.parquet, sequences.parquet and videos.csv.  Raises OSError where one is missing."""
    with (folder / "videos.csv").open(encoding="utf-8", newline="") as file:
        videos = list(csv.DictReader(file))
    past, log = (
        _past(parquet.read_table(folder / "sequences.parquet")),
        _log(parquet.read_table(folder / "log.parquet")),
    )
    return KuaiRand(
        past=past,
        log=log,
        users=int(max(past.user.max(), log.user.max())) + 1,
        items=len(videos),
        tag=np.array([row["tag"].split(",")[0] for row in videos]),
        kind=_kinds([row["upload_type"] for row in videos]),
    )


def _kinds(names: list[str]) -> NDArray[np.float64]:
    there = sorted(set(names))
    return np.array([[name == kind for kind in there] for name in names], np.float64)


def joined(first: Interactions, second: Interactions) -> Interactions:
    """Both in order of time."""
    both = Interactions(**{name: np.concatenate([column, vars(second)[name]]) for name, column in vars(first).items()})
    return both.where(np.argsort(both.ts_ms, kind="stable"))


def _log(table: Table) -> Interactions:
    column = {name: table[name].to_numpy() for name in table.column_names}
    finished = column["play_time_ms"] >= column["duration_ms"]
    positive = (column["long_view"] > 0) | finished | (column["is_like"] > 0)
    made = _entries(column["user_id"], column["video_id"], column["time_ms"], positive)
    watched = (column["play_time_ms"] > 0).astype(np.float32)
    made = Interactions(**(vars(made) | {"weight": watched, "random": column["is_rand"] > 0}))
    return made.where(np.argsort(made.ts_ms, kind="stable"))


def _past(table: Table) -> Interactions:
    """One entry a watch.

    A viewer's lists are the last 50 watches, the last 50 long ones and the last 50 liked ones, so that the second and
    third go further back than the first: 101,752 watches that are in no `watch_seq`.
    """
    rows: list[tuple[int, int, int, bool]] = []
    for row in table.to_pylist():
        rows += _viewer(row)
    user, item, ts_ms, positive = (np.array(column) for column in zip(*rows, strict=True))
    made = _entries(user, item, ts_ms, positive)
    return made.where(np.argsort(ts_ms, kind="stable"))


def _viewer(row: dict[str, Any]) -> list[tuple[int, int, int, bool]]:
    """(viewer, item, Unix ms, positive) of each watch, oldest first.

    Nobody knows when each was: all `history_len` are spread evenly from the beginning to the last, whose time is known.
    """
    latest, glad = row["watch_seq"], set(row["long_watch_seq"]) | set(row["like_seq"])
    older = [item for item in dict.fromkeys(row["like_seq"] + row["long_watch_seq"]) if item not in set(latest)]
    last_ms, step_ms = row["last_time_ms"], (row["last_time_ms"] - BEGAN_MS) / max(row["history_len"], len(latest))
    turn_ms = last_ms - step_ms * len(latest)
    at_ms = [BEGAN_MS + (turn_ms - BEGAN_MS) * n / max(1, len(older)) for n in range(len(older))]
    at_ms += [last_ms - step_ms * n for n in range(len(latest) - 1, -1, -1)]
    return [(row["user_id"], item, int(ms), item in glad) for item, ms in zip(older + latest, at_ms, strict=True)]


def _entries(user: Ints, item: Ints, ts_ms: Ints, positive: Flags) -> Interactions:
    count = len(user)
    return Interactions(
        user=user.astype(np.int64), item=item.astype(np.int64), ts_ms=ts_ms.astype(np.int64), positive=positive,
        weight=np.ones(count, np.float32), session=np.full(count, -1, np.int64), random=np.zeros(count, bool),
    )  # fmt: skip
