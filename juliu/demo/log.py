"""The watch log of demo/kuairand: who was shown what, when and how long it was watched; moved to end yesterday."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pyarrow import parquet

from juliu.demo import sessions

Ints = NDArray[np.int64]
DAY_MS = 86_400_000
SHANGHAI_MS = 8 * 3_600_000  # Asia/Shanghai is UTC+8 all year; days are Shanghai's everywhere
FOLDER = Path(__file__).resolve().parents[2] / "demo" / "kuairand"
COLUMNS = ("user_id", "video_id", "time_ms", "play_time_ms", "is_like", "is_follow", "tab")


class Exposure(NamedTuple):
    """One video on one screen, watched for `play_ms` from 0, and again from 0 past its end (0: scrolled past)."""

    user_id: int
    drama_id: int
    at_ms: int
    play_ms: int
    liked: bool
    followed: bool
    tab: int
    session: int
    ends_session: bool


@dataclass(frozen=True)
class WatchLog:
    """Exposures in order of time, a column a field (see Exposure)."""

    user_id: Ints
    drama_id: Ints
    at_ms: Ints
    play_ms: Ints
    liked: Ints
    followed: Ints
    tab: Ints
    session: Ints
    ends_session: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.at_ms)

    def exposures(self) -> Iterator[Exposure]:
        """Every exposure, in order of time."""
        about = (self.user_id, self.drama_id, self.at_ms, self.play_ms, self.liked > 0, self.followed > 0, self.tab)
        columns = (*about, self.session, self.ends_session)
        yield from map(Exposure._make, zip(*(column.tolist() for column in columns), strict=True))

    def where(self, keep: NDArray[np.bool_]) -> WatchLog:
        """The exposures that `keep` marks; a session goes on in another part if it does in the whole."""
        return WatchLog(**{name: column[keep] for name, column in vars(self).items()})


def day_of(at_ms: Ints) -> Ints:
    """Calendar day in Shanghai, as days since 1970."""
    return (at_ms + SHANGHAI_MS) // DAY_MS


def midnight_ms(day: int) -> int:
    """When the Shanghai day `day` (days since 1970) begins."""
    return day * DAY_MS - SHANGHAI_MS


def read(folder: Path, *, now_ms: int, days: int, users: int | None = None) -> WatchLog:
    """The last `days` calendar days of the log (at least 1), moved by whole days so that the last one is yesterday.

    `users`: only that many viewers, those with the lowest ids among the last day's.
    Raises FileNotFoundError without log.parquet.
    """
    table = parquet.read_table(folder / "log.parquet", columns=list(COLUMNS))
    user_id, video_id, at_ms, play_ms, liked, followed, tab = (table[c].to_numpy().astype(np.int64) for c in COLUMNS)
    last = int(day_of(at_ms).max())
    keep = day_of(at_ms) > last - days
    if users is not None:
        keep &= np.isin(user_id, np.unique(user_id[day_of(at_ms) == last])[:users])
    user_id, video_id, at_ms, play_ms, liked, followed, tab = (
        column[keep] for column in (user_id, video_id, at_ms, play_ms, liked, followed, tab)
    )
    yesterday = int(day_of(np.array([now_ms]))[0]) - 1
    session = sessions.cut(user_id, at_ms)
    ends = sessions.last_of_each(session)
    at_ms = at_ms + (yesterday - last) * DAY_MS
    return WatchLog(user_id + 1, video_id + 1, at_ms, play_ms, liked, followed, tab, session, ends)


def last_part_from_ms(log: WatchLog) -> int:
    """When the part begins that the feeds do not know yet: the last day, or half-way through a log of one day."""
    days = day_of(log.at_ms)
    if days.min() < days.max():
        return midnight_ms(int(days.max()))
    return int(log.at_ms[len(log) // 2])
