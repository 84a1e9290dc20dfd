"""Would they have watched it?  Hit rates of the feed and its parts on a watch log, without servers.

    OPENBLAS_NUM_THREADS=1 python bench/feed_offline.py FOLDER [--days 15] [--back 0] [--viewers 1000]

FOLDER holds log.parquet and videos.csv of the sample log.  Learns from all days but the last with the job's own code,
blends pages with domain.feed, and tells the share of the last day's viewers who watched one of 10 dramas
(play_time_ms > 0).  `--days` takes only the last days of the log, `--back N` ends it N days earlier (to choose
settings on other days than the one that is reported).
"""

from __future__ import annotations

import argparse
import csv
import itertools
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pyarrow import parquet

from domain import bitmap, feed, hotness, session
from domain.catalogue import Catalogue, Drama
from domain.feed import Mix, Shelf, Source, Stock, Viewed
from domain.session import Trace
from recommender.learning.model import train
from recommender.learning.signals import beside_usual
from recommender.learning.snapshot import Pairs, Snapshot, Watches
from recommender.learning.weights import WEIGHTS, Weights

DAY_MS, SHANGHAI_MS, SILENCE_MS = 86_400_000, 8 * 3_600_000, 30 * 60_000
LENGTH = 10
THOUSAND = 1_000  # a position is told in thousandths of the drama
SHELF = 300  # of hot and trend, as the API holds them
Ints = NDArray[np.int64]


@dataclass
class Log:
    """Watched exposures in order of time; dense index = video_id + 1."""

    user: Ints
    drama: Ints
    at_ms: Ints
    watched_ms: Ints
    duration_ms: Ints
    liked: NDArray[np.bool_]
    followed: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.user)

    def where(self, keep: NDArray[np.bool_]) -> Log:
        return Log(**{name: column[keep] for name, column in vars(self).items()})

    @property
    def valid(self) -> NDArray[np.bool_]:
        return self.watched_ms >= np.minimum(7_000, self.duration_ms)

    @property
    def positive(self) -> NDArray[np.bool_]:
        return self.watched_ms >= np.minimum(18_000, self.duration_ms)


def read(folder: Path) -> tuple[Log, Catalogue]:
    table = parquet.read_table(folder / "log.parquet")
    column = {name: table[name].to_numpy().astype(np.int64) for name in table.column_names}
    with (folder / "videos.csv").open(encoding="utf-8", newline="") as file:
        videos = list(csv.DictReader(file))
    durations = np.zeros(int(column["video_id"].max()) + 2 + len(videos), np.int64)
    np.maximum.at(durations, column["video_id"] + 1, np.maximum(column["play_time_ms"], 1_000))
    for row in videos:
        if row["video_duration"]:
            durations[int(row["video_id"]) + 1] = int(float(row["video_duration"]))
    drama = column["video_id"] + 1
    duration = durations[drama]
    log = Log(
        column["user_id"] + 1, drama, column["time_ms"], np.minimum(column["play_time_ms"], duration), duration,
        column["is_like"] > 0, column["is_follow"] > 0,
    )  # fmt: skip
    ids = (int(video["video_id"]) + 1 for video in videos)
    categories = (video["tag"].split(",")[0] for video in videos)
    dramas = [
        Drama(drama_id=n, index=n, category=c, durations=[THOUSAND]) for n, c in zip(ids, categories, strict=True)
    ]
    played = log.where(log.watched_ms > 0)
    return played.where(np.argsort(played.at_ms, kind="stable")), Catalogue.of(dramas)


def snapshot(log: Log, as_of_ms: int, weights: Weights) -> Snapshot:
    """What recommender/learning/sql would answer."""
    share = log.watched_ms / log.duration_ms
    beside = beside_usual(share, log.duration_ms, weights)
    key, entry = np.unique(log.user << 20 | log.drama, return_inverse=True)
    best, done, seen, positive = (np.zeros(len(key)) for _ in range(4))
    liked, followed, at_ms = np.zeros(len(key)), np.zeros(len(key)), np.zeros(len(key), np.int64)
    for into, values in (
        (best, beside), (done, share >= 0.95), (seen, log.valid), (positive, log.positive | log.liked),
        (liked, log.liked), (followed, log.followed), (at_ms, log.at_ms),
    ):  # fmt: skip
        np.maximum.at(into, entry, values)
    proper = (log.watched_ms >= weights.skip_ms) | (share >= 0.95)
    skips = np.where(np.bincount(entry, proper) > 0, 0, np.bincount(entry))
    watches = Watches(
        user_id=key >> 20, drama=(key & 0xFFFFF).astype(np.int32), share=best.astype(np.float32),
        completes=done.astype(np.float32), seen=seen > 0, positive=positive > 0, liked=liked > 0, followed=followed > 0,
        unlocks=np.zeros(len(key), np.float32), skips=skips.astype(np.float32), at_ms=at_ms,
    )  # fmt: skip
    return Snapshot(as_of_ms, watches, pairs(log, watches, weights))


def pairs(log: Log, watches: Watches, weights: Weights) -> Pairs:
    """Pairs of dramas of one viewer within a week, weighted; the same session counts more."""
    sessions = _sessions(log)
    of_session: dict[tuple[int, int], set[int]] = {}
    for user, drama, sitting in zip(log.user.tolist(), log.drama.tolist(), sessions.tolist(), strict=True):
        of_session.setdefault((user, drama), set()).add(sitting)
    order = np.lexsort((-watches.at_ms, watches.user_id))
    worth = np.where(watches.positive, weights.pair_positive, weights.pair_short)
    columns = (watches.user_id, watches.drama, watches.at_ms, worth)
    entries = zip(*(column[order].tolist() for column in columns), strict=True)
    found: dict[tuple[int, int], float] = {}
    for user, group in itertools.groupby(entries, key=lambda e: e[0]):
        for (_, a, at_a, one), (_, b, at_b, other) in itertools.combinations(
            itertools.islice(group, weights.pair_dramas), 2
        ):
            if abs(at_a - at_b) <= weights.pair_days * DAY_MS:
                same = not of_session[user, a].isdisjoint(of_session[user, b])
                weight = one * other * (weights.pair_same_session if same else weights.pair_same_week)
                found[a, b] = found.get((a, b), 0.0) + weight
    a, b = np.array(list(found), np.int32).reshape(-1, 2).T
    weight = np.array(list(found.values()), np.float32)
    return Pairs(np.concatenate([a, b]), np.concatenate([b, a]), np.concatenate([weight, weight]))


def _sessions(log: Log) -> Ints:
    order = np.lexsort((log.at_ms, log.user))
    user, at_ms = log.user[order], log.at_ms[order]
    begins = np.ones(len(order), bool)
    begins[1:] = (user[1:] != user[:-1]) | (at_ms[1:] - at_ms[:-1] >= SILENCE_MS)
    out = np.empty(len(order), np.int64)
    out[order] = np.cumsum(begins)
    return out


def heat(log: Log, now_ms: int, half_life_ms: int, dramas: int) -> NDArray[np.float64]:
    """Decayed valid plays, one a viewer, drama and half hour."""
    plays = log.where(log.valid)
    _, first = np.unique(plays.user << 40 | plays.drama << 20 | (plays.at_ms // 1_800_000) & 0xFFFFF, return_index=True)
    age = (now_ms - plays.at_ms[first]) / half_life_ms
    return np.bincount(plays.drama[first], weights=np.exp2(-age), minlength=dramas)


def top(scores: NDArray[np.float64], count: int) -> list[int]:
    order = np.argsort(-scores, kind="stable")[:count]
    return [int(i) for i in order if scores[i] > 0]


@dataclass
class Served:
    """What the API would answer from, as of the beginning of the last day."""

    stock: Stock
    personal: dict[int, list[int]]
    also: dict[int, list[int]]
    hot: list[int]
    trend: list[int]
    latest: dict[int, list[int]]
    traces: dict[int, list[Trace]]
    seen: dict[int, bytes]

    def page(self, user: int, served: bytes = b"") -> list[feed.Pick]:
        """As the API makes the first page of an open: what was done last changes the order, 1 % is left to chance."""
        viewed = Viewed(self.seen.get(user, b""), served)
        now = session.session_of(self.traces.get(user, []), (), viewed, self.stock)
        related = {index: self.also.get(index, []) for index, _ in now.seeds}
        best = self.personal.get(user, [])
        shelves = [
            Shelf(Source.PERSONAL, session.rerank(best, session.lift_of(related, now.seeds), now.tired, self.stock))
        ]
        shelves += [Shelf(Source.ALSO_WATCHED, related[index], index) for index, _ in now.seeds[: feed.SEEDS]]
        shelves += [Shelf(Source.HOT, self.hot), Shelf(Source.TREND, self.trend)]
        mix = Mix(feed.SHARES, feed.RANDOM_SHARE, now.tired, newcomer=not (best or now.seeds))
        return feed.compose(shelves, viewed, self.stock, LENGTH, mix, seed=user).picks[:LENGTH]


def traces(past: Log, latest: dict[int, list[int]]) -> dict[int, list[Trace]]:
    """What each viewer did with the dramas of last, the latest first."""
    done: dict[tuple[int, int], Trace] = {}
    thousandths = (past.watched_ms / past.duration_ms * THOUSAND).astype(int)
    columns = (past.user, past.drama, past.at_ms, thousandths, past.liked, past.followed)
    for user, drama, at_ms, reached, liked, followed in zip(*(column.tolist() for column in columns), strict=True):
        old = done.get((user, drama))
        most = max(reached, old.progress[1][1] if old and old.progress else 0)
        done[user, drama] = Trace(
            drama, at_ms, ((at_ms, "", 0), (1, most)),
            liked=bool(liked or (old and old.liked)), followed=bool(followed or (old and old.followed)),
        )  # fmt: skip
    return {user: [done[user, drama] for drama in dramas[: session.LOOKED_AT]] for user, dramas in latest.items()}


def latest_of(past: Log) -> dict[int, list[int]]:
    """Each viewer's dramas, the one watched last first."""
    latest: dict[int, dict[int, None]] = {}
    for user, drama in zip(past.user[::-1].tolist(), past.drama[::-1].tolist(), strict=True):
        latest.setdefault(user, {})[drama] = None
    return {user: list(dramas) for user, dramas in latest.items()}


def dramas_by_viewer(log: Log) -> dict[int, set[int]]:
    """What each viewer watched."""
    found: dict[int, set[int]] = {}
    for user, drama in zip(log.user.tolist(), log.drama.tolist(), strict=True):
        found.setdefault(user, set()).add(drama)
    return found


def serve(past: Log, catalogue: Catalogue, now_ms: int, weights: Weights) -> Served:
    began = time.perf_counter(), time.process_time()
    learnt = train(snapshot(past, now_ms, weights), weights)
    print(
        f"  trained on {len(past):,} watches of {len(learnt.viewers):,} viewers and {learnt.dramas:,} dramas:"
        f" {time.perf_counter() - began[0]:.1f} s, {time.process_time() - began[1]:.1f} s CPU"
    )
    dramas = catalogue.top_index + 1
    fast, slow = (heat(past, now_ms, decay.half_life_ms, dramas) for decay in hotness.DECAYS)
    lists = zip(learnt.viewers.tolist(), learnt.personal, strict=True)
    latest, seen = latest_of(past), dramas_by_viewer(past.where(past.valid))
    return Served(
        stock=Stock(catalogue, now_ms=0),
        personal={user: row[row > 0].tolist() for user, row in lists},
        also={drama: row.tolist() for drama, row in learnt.also_watched.items()},
        hot=top(fast, SHELF),
        trend=top(fast / (slow + hotness.TREND_SOFTENING), SHELF),
        latest=latest,
        traces=traces(past, latest),
        seen={user: bytes(bitmap.of(of, dramas // 8 + 1)) for user, of in seen.items()},
    )


def measure(served: Served, viewers: Sequence[int], truth: dict[int, set[int]]) -> None:
    def rate(of: Callable[[int], Sequence[int]]) -> str:
        return f"{sum(not truth[user].isdisjoint(of(user)[:LENGTH]) for user in viewers) / len(viewers):.4f}"

    def unseen(user: int, indexes: Sequence[int]) -> list[int]:
        return [i for i in indexes if not bitmap.has(served.seen.get(user, b""), i)]

    def also(user: int) -> Sequence[int]:
        return served.also.get(served.latest[user][0], ()) if user in served.latest else ()

    began = time.process_time()
    pages = {user: served.page(user) for user in viewers}
    page_us = (time.process_time() - began) / len(viewers) * 1e6
    print(
        f"  feed            {rate(lambda user: [pick.drama_index for pick in pages[user]])}  ({page_us:.0f} us a page)"
    )
    print(f"  hot list        {rate(lambda _: served.hot)}")
    print(f"  trend list      {rate(lambda _: served.trend)}")
    print(f"  personal list   {rate(lambda user: unseen(user, served.personal.get(user, served.hot)))}")
    print(f"  also watched    {rate(also)}  (of the drama watched last)")
    by_source(pages, truth)


def by_source(pages: dict[int, list[feed.Pick]], truth: dict[int, set[int]]) -> None:
    shown = Counter(pick.source for picks in pages.values() for pick in picks)
    hit = Counter(pick.source for user, picks in pages.items() for pick in picks if pick.drama_index in truth[user])
    for source, places in shown.most_common():
        print(f"    places by {source:13} {places:6}, {hit[source] / places:.4f} of them watched")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--days", type=int, default=15)
    parser.add_argument("--back", type=int, default=0)
    parser.add_argument("--viewers", type=int, default=1_000)
    chosen = parser.parse_args()
    log, catalogue = read(chosen.folder)
    day = (log.at_ms + SHANGHAI_MS) // DAY_MS
    last = int(day.max()) - chosen.back
    kept = (day > last - chosen.days) & (day <= last)
    now_ms = last * DAY_MS - SHANGHAI_MS
    if chosen.days == 1:  # as the demo does: the second half of the one day is what they watch then
        now_ms = int(log.at_ms[kept][kept.sum() // 2])
    past, future = log.where(kept & (log.at_ms < now_ms)), log.where(kept & (log.at_ms >= now_ms))
    truth = dramas_by_viewer(future)
    rng = np.random.default_rng(0)
    viewers = sorted(rng.choice(sorted(truth), min(chosen.viewers, len(truth)), replace=False).tolist())
    print(f"{chosen.days} days, {chosen.back} back: {len(viewers):,} viewers of the last day")
    measure(serve(past, catalogue, now_ms, WEIGHTS), viewers, truth)


if __name__ == "__main__":
    main()
