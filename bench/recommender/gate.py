"""Does the gate let good trainings through, and bad ones not?  A training a day on the sample log, without servers.

    OPENBLAS_NUM_THREADS=1 python -m bench.recommender.gate FOLDER [--days 1 2 3 4 7 15]

FOLDER holds log.parquet and videos.csv of the sample log.  First a training at the end of each day, one after the
other, as a new installation has them.  Then the last one again on rows, or with weights, that are wrong in ways that
happen.  Then one with the last days alone, as `juliu demo` has them: of N days it learns N - 1, of one its first half.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np
import structlog
from pyarrow import Table, parquet

from bench import feed_offline
from bench.feed_offline import DAY_MS, SHANGHAI_MS, Log
from recommender.errors import Refused
from recommender.evaluation import sessions
from recommender.learning.days import Day
from recommender.learning.model import train
from recommender.learning.snapshot import Snapshot
from recommender.learning.weights import WEIGHTS, Weights
from recommender.training.day import Span, last_full_day
from recommender.training.evidence import evidence
from recommender.training.gate import Served, check, doubts
from recommender.training.history import history
from recommender.training.limits import LIMITS
from recommender.training.measured import Measured
from recommender.training.order import Order
from recommender.training.reach import left
from recommender.training.registry import Decision, Entry

LONG_MS = 18_000
SHOWN = ("recall@50", "trend.recall@50", "ndcg@20", "trend.ndcg@20", "uauc", "coverage@20", "top-item@10", "listed")


@dataclass(frozen=True)
class Watched:
    """The log as a recommender.training.source.Source; `wrong` is what reading makes of what is learnt from."""

    log: Log
    shown: Table
    wrong: Callable[[Log], Log] = lambda log: log

    def snapshot(self, as_of_ms: int, weights: Weights) -> Snapshot:
        past = self.log.where(self.log.at_ms < as_of_ms)
        if len(past):
            return feed_offline.snapshot(self.wrong(past), as_of_ms, weights)
        one = feed_offline.snapshot(self.log.where(np.arange(len(self.log)) < 2), as_of_ms, weights)
        return replace(one, watches=replace(one.watches, **{n: c[:0] for n, c in vars(one.watches).items()}))

    def day(self, span: Span, weights: Weights) -> Day:  # noqa: ARG002 - all viewers are asked
        """Every exposure, of the first moment of each viewer and drama."""
        column = {name: self.shown[name].to_numpy().astype(np.int64) for name in self.shown.column_names}
        today = (column["time_ms"] >= span.from_ms) & (column["time_ms"] < span.to_ms)
        one = {name: values[today] for name, values in column.items()}
        glad = (one["play_time_ms"] >= np.minimum(LONG_MS, np.maximum(one["duration_ms"], 1))) | (one["is_like"] > 0)
        key, first, entry = np.unique(_key(one), return_index=True, return_inverse=True)
        watched, positive = (np.bincount(entry, each) > 0 for each in (one["play_time_ms"] > 0, glad))
        before = (column["time_ms"] < span.from_ms) & (column["play_time_ms"] > 0)
        new = ~np.isin(key, _key({name: values[before] for name, values in column.items()}))
        user, drama = key >> 20, (key & 0xFFFFF).astype(np.int32)
        at_ms = one["time_ms"][first]
        return Day(user, drama, at_ms, sessions.by_silence(user, at_ms), watched, positive, new)

    def volume(self, as_of_ms: int, count: int) -> Sequence[int]:
        ago = (last_full_day(as_of_ms).to_ms - 1 - self.log.at_ms) // DAY_MS
        return [int((ago == day).sum()) for day in range(count - 1, -1, -1)]


def _key(column: dict[str, np.ndarray]) -> np.ndarray:
    return column["user_id"] + 1 << 20 | column["video_id"] + 1


def judged(source: Watched, as_of_ms: int, past: Sequence[Entry], weights: Weights = WEIGHTS) -> Entry:
    """As the job does it."""
    known = source.snapshot(as_of_ms, weights)
    made = train(known, weights)
    served = Served(*next(((one.viewers, one.dramas) for one in past if one.decision is Decision.PUBLISHED), (0, 0)))
    reason, measured = "", Measured()
    try:
        check(made, int(left(made, known.watches).sum()))
        measured = evidence(source, known, made, weights, Order())
        reason = "; ".join(doubts(made, served, measured, history(past, LIMITS.accepted), LIMITS))
    except Refused as error:
        reason = str(error)
    return Entry(
        at_ms=as_of_ms, decision=Decision.REFUSED if reason else Decision.PUBLISHED, reason=reason, as_of_ms=as_of_ms,
        viewers=len(made.viewers), dramas=made.dramas, metrics=measured.flat(), not_measured=measured.missing,
    )  # fmt: skip


def tell(name: str, entry: Entry) -> None:
    """One line, and one for what was not measured or is refused."""
    numbers = "  ".join(f"{entry.metrics[each]:.3f}" if each in entry.metrics else "    -" for each in SHOWN)
    print(f"{name:32} {entry.decision:9} {numbers}", flush=True)
    if entry.reason:
        print(f"{'':34}{entry.reason}")
    if entry.not_measured:
        print(f"{'':34}not measured: {'; '.join(f'{n}: {why}' for n, why in entry.not_measured.items())}")


def sabotages(log: Log, end_ms: int) -> dict[str, tuple[Log, Callable[[Log], Log], Weights]]:
    """Name: the log, what reading makes of it, the weights."""
    rng = np.random.default_rng(7)
    dramas, viewers = rng.permutation(log.drama.max() + 1), rng.permutation(log.user.max() + 1)
    lost = log.where((log.at_ms < end_ms - DAY_MS) | (rng.random(len(log)) < 0.4))
    set_ = msgspec.structs.replace

    def same(rows: Log) -> Log:
        return rows

    return {
        "nothing is wrong": (log, same, WEIGHTS),
        "dramas under wrong numbers": (log, lambda rows: replace(rows, drama=dramas[rows.drama]), WEIGHTS),
        "viewers under wrong numbers": (log, lambda rows: replace(rows, user=viewers[rows.user]), WEIGHTS),
        "one viewer in eight is read": (log, lambda rows: rows.where(rows.user % 8 == 0), WEIGHTS),
        "60 % of the last day is lost": (lost, same, WEIGHTS),
        "regularization x 50": (log, same, set_(WEIGHTS, regularizations=(10.0,), frequency_regularization=0.0)),
        "one factor": (log, same, set_(WEIGHTS, factors=1)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--days", type=int, nargs="*", default=[1, 2, 3, 4, 7, 15])
    chosen = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    log, _ = feed_offline.read(chosen.folder)
    shown = parquet.read_table(chosen.folder / "log.parquet")
    last = int(((log.at_ms + SHANGHAI_MS) // DAY_MS).max())
    past: list[Entry] = []
    print(f"{'':32} {'':9} {'  '.join(each[:12] for each in SHOWN)}")
    for day in range(last - 13, last + 2):
        entry = judged(Watched(log, shown), day * DAY_MS - SHANGHAI_MS, past)
        tell(str(last_full_day(entry.as_of_ms)), entry)
        past.insert(0, entry)
    end_ms = past[0].as_of_ms
    for name, (rows, wrong, weights) in sabotages(log, end_ms).items():
        tell(name, judged(Watched(rows, shown, wrong), end_ms, past, weights))
    for days in chosen.days:
        kept = log.where(log.at_ms >= (last + 1 - days) * DAY_MS - SHANGHAI_MS)
        end_ms = last * DAY_MS - SHANGHAI_MS if days > 1 else int(kept.at_ms[len(kept) // 2])
        tell(f"the demo with {days} days", judged(Watched(kept, shown), end_ms, []))


if __name__ == "__main__":
    main()
