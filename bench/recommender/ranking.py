"""Which of what a viewer is shown will they be glad of?  A ranking with context on the sample log's exposures.

    OPENBLAS_NUM_THREADS=1 python -m bench.recommender.ranking FOLDER [--block validation test] [--only SET ...]

Needs scikit-learn (requirements/bench.txt), which the product does not.  Boosted trees learn from the exposures of the
days before the block, each with what was known at the midnight before it (bench/recommender/exposures.py); measured as
`uauc` everywhere: a viewer's chance that a positive is above something else they were shown, of pairs that are not in
`sequences`, a mean over viewers.  Settings and features were chosen on 28-30 April (`validation`), the test is 1-8 May,
once.  `--daily` learns anew at each midnight of the block.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from bench.recommender import exposures
from bench.recommender.exposures import Exposures, Reals
from bench.recommender.kuairand import KuaiRand, midnight_ms
from recommender.evaluation.interval import drawn, interval
from recommender.evaluation.measures import auc
from recommender.interactions import Flags

SEED: Final = 7
BLOCKS: Final = {
    "validation": (midnight_ms(4, 28), midnight_ms(5, 1)),
    "test": (midnight_ms(5, 1), midnight_ms(5, 9)),
}
CONTEXT: Final = ("tab", "hour")
MODELS: Final = ("product of watches", "product of positives", "lift")
SETS: Final[Mapping[str, Sequence[str]]] = {
    "all": (),
    "no context": CONTEXT,
    "no models": MODELS,
    "no context, no models": (*CONTEXT, *MODELS),
}  # name -> features that are left out
ALONE: Final = ("item rate", "product of watches", "product of positives")


class Table:
    """Features of all exposures of the log, a column a name; rows in the order of the log."""

    def __init__(self, sample: KuaiRand, log: Exposures, items: exposures.Items) -> None:
        days = [int(day) for day in np.unique(log.day)]
        tables = [exposures.table(sample, log, items, day) for day in days]
        self.names = list(tables[0])
        self.columns = np.column_stack([np.concatenate([each[name] for each in tables]) for name in self.names])

    def without(self, left_out: Sequence[str]) -> Reals:
        """The columns of all other features."""
        return self.columns[:, [number for number, name in enumerate(self.names) if name not in left_out]]


def learnt(features: Reals, positive: Flags) -> HistGradientBoostingClassifier:
    """Chosen on validation: 15 leaves, slower steps or larger leaves gave .001 to .003 less."""
    model = HistGradientBoostingClassifier(
        learning_rate=0.05, max_iter=300, max_leaf_nodes=8, min_samples_leaf=100, l2_regularization=10.0,
        early_stopping=False, random_state=SEED,
    )  # fmt: skip
    return model.fit(features, positive)


def scored(features: Reals, log: Exposures, block: tuple[int, int], daily: bool) -> Reals:
    """Of the exposures of the block, learnt from those before it, or before each day's midnight."""
    ts_ms, positive, found = log.log.ts_ms, log.log.positive, []
    inside = (ts_ms >= block[0]) & (ts_ms < block[1])
    begins = [exposures.midnight_ms(int(day)) for day in np.unique(log.day[inside])] if daily else [block[0]]
    for begin, end in zip(begins, [*begins[1:], block[1]], strict=True):
        before, now = ts_ms < begin, (ts_ms >= begin) & (ts_ms < end)
        found.append(learnt(features[before], positive[before]).predict_proba(features[now])[:, 1])
    return np.concatenate(found)


def aucs(scores: Reals, sample: KuaiRand, log: Exposures, block: tuple[int, int]) -> Reals:
    """Of each viewer that has both: exposures of the same item count once, by their mean."""
    now = np.flatnonzero((log.log.ts_ms >= block[0]) & (log.log.ts_ms < block[1]))
    user, item = log.log.user[now], log.log.item[now]
    pair, entry = np.unique(user * sample.items + item, return_inverse=True)
    mean = np.bincount(entry, scores) / np.bincount(entry)
    glad = np.bincount(entry, log.log.positive[now]) > 0
    known = np.isin(pair, np.unique(sample.past.user * sample.items + sample.past.item))
    _, row = np.unique((pair // sample.items)[~known], return_inverse=True)
    found = auc(row, mean[~known].astype(np.float32), glad[~known], int(row.max()) + 1)
    return found[~np.isnan(found)]


def line(name: str, found: Reals, cpu_s: float) -> str:
    """A row of a table in Markdown."""
    [ends] = interval(drawn(found[:, None], np.ones((len(found), 1)), seed=1))
    low, high = ends or (0.0, 0.0)
    return f"| {name} | {found.mean():.4f} ±{(high - low) / 2:.4f} | {len(found):,} | {cpu_s:.1f} |"


def measure(table: Table, sample: KuaiRand, log: Exposures, part: str, options: argparse.Namespace) -> None:
    """A table in Markdown."""
    block = BLOCKS[part]
    inside = (log.log.ts_ms >= block[0]) & (log.log.ts_ms < block[1])
    print(f"\n| {part}, features | uAUC | viewers | CPU-s |\n|---|---|---|---|")
    for name in ALONE:
        alone = table.columns[inside, table.names.index(name)]
        print(line(f"{name} alone", aucs(alone, sample, log, block), 0.0), flush=True)
    for name in options.only:
        began = time.process_time()
        scores = scored(table.without(SETS[name]), log, block, options.daily)
        print(line(name, aucs(scores, sample, log, block), time.process_time() - began), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--block", nargs="*", choices=tuple(BLOCKS), default=list(BLOCKS))
    parser.add_argument("--only", nargs="*", choices=tuple(SETS), default=list(SETS))
    parser.add_argument("--daily", action="store_true")
    options = parser.parse_args()
    sample, log, items = exposures.read(options.folder)
    began = time.process_time()
    table = Table(sample, log, items)
    print(f"{len(log):,} exposures, {time.process_time() - began:.1f} CPU-s for {len(table.names)} features:")
    print(", ".join(table.names))
    for part in options.block:
        measure(table, sample, log, part, options)


if __name__ == "__main__":
    main()
