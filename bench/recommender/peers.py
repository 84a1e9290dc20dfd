"""Against gorse: what viewers will watch long on the two days after the model was made (facts of the peer lab).

    OPENBLAS_NUM_THREADS=1 python -m bench.recommender.peers FOLDER [--block test] [--only NAME ...]

Models learn from `sequences` and the log before the two days; of the viewers with a long view or a like before and a
long view on these days, 5,000 are asked about (Python's `random`, seed 7: the same viewers as gorse was asked about).
Recall is the mean over viewers of long-viewed items that are in their list, which leaves out what they watched before;
± is half of a 95 % interval, drawn over viewers.  The peer's numbers: gorse .042 / .095 (it knew the log alone),
popularity of two days .103 / .173.  Settings were chosen on 3-4 and 5-6 May (`validation`), the test is 7-8 May, once.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from pyarrow import parquet
from scipy.sparse import csr_matrix

from bench.recommender import kuairand
from bench.recommender.daily import Once
from bench.recommender.kuairand import DAY_MS, KuaiRand, midnight_ms
from recommender.evaluation.interval import drawn, interval
from recommender.interactions import Floats, Ints, Known
from recommender.models.forecast import Foreseen
from recommender.models.model import Model
from recommender.models.popularity import Popularity
from recommender.models.trend import Fresh

DAYS, VIEWERS, SEED = 2, 5_000, 7
KS = (20, 50)
AT_ONCE = 1_000  # viewers whose scores are dense
BLOCKS: Final = {
    "validation": [midnight_ms(5, 3), midnight_ms(5, 5)],
    "test": [midnight_ms(5, 7)],
}
MODELS: Final[Mapping[str, Callable[[Model, KuaiRand], Model]]] = {
    "popularity": lambda *_: Popularity(),
    "fsals": lambda base, _: base,
    "fresh-1.5d-.5": lambda base, _: Fresh(base, half_life_days=1.5, power=0.5),
    "fresh-1.5d-1": lambda base, _: Fresh(base, half_life_days=1.5, power=1.0),
    "foreseen-1d-.3": lambda base, sample: Foreseen(base, power=0.3, about=sample.kind),
    "foreseen-1d-.4": lambda base, sample: Foreseen(base, power=0.4, about=sample.kind),
    "foreseen-1d-.6": lambda base, sample: Foreseen(base, power=0.6, about=sample.kind),
    "foreseen-2d-.4": lambda base, sample: Foreseen(base, power=0.4, days=2.0, about=sample.kind),
}


@dataclass(frozen=True)
class Asked:
    """Viewers, and (viewer, items) 1 where they watched long on the two days."""

    users: Ints
    held: csr_matrix


def asked(folder: Path, sample: KuaiRand, cut_ms: int) -> Asked:
    """The peer's rule, of the log alone."""
    table = parquet.read_table(folder / "log.parquet")
    user, item, ts_ms, long_view, like = (
        table[name].to_numpy() for name in ("user_id", "video_id", "time_ms", "long_view", "is_like")
    )
    glad = np.unique(user[(ts_ms < cut_ms) & ((long_view > 0) | (like > 0))])
    later = (ts_ms >= cut_ms) & (ts_ms < cut_ms + DAYS * DAY_MS) & (long_view > 0)
    known = sorted(set(glad.tolist()) & set(user[later].tolist()))
    random.Random(SEED).shuffle(known)
    ones = np.ones(int(later.sum()), np.float32)
    held = csr_matrix((ones, (user[later], item[later])), shape=(sample.users, sample.items))
    held.data[:] = 1
    users = np.sort(known[:VIEWERS])
    return Asked(users, held[users])


def recalls(model: Model, known: Known, exam: Asked) -> Floats:
    """(viewers, KS)."""
    found = []
    for start in range(0, len(exam.users), AT_ONCE):
        some = exam.users[start : start + AT_ONCE]
        held = exam.held[start : start + AT_ONCE].toarray()
        scores = np.where(known.watched[some].toarray() > 0, -np.inf, model.scores(some))
        best = np.argsort(-scores, axis=1, kind="stable")[:, : max(KS)]
        hits = np.take_along_axis(held, best, 1).cumsum(axis=1)
        found.append(hits[:, np.array(KS) - 1] / held.sum(axis=1, keepdims=True))
    return np.concatenate(found)


def row(name: str, found: Floats) -> str:
    """Of a table in Markdown."""
    cells = []
    for (low, high), mean in zip(interval(drawn(found, np.ones_like(found), seed=1)), found.mean(axis=0), strict=True):
        cells.append(f"{mean:.4f} ±{(high - low) / 2:.4f}")
    return f"| {name} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--block", choices=tuple(BLOCKS), default="validation")
    parser.add_argument("--factors", type=int, default=256)
    parser.add_argument("--only", nargs="*", choices=tuple(MODELS), default=list(MODELS))
    options = parser.parse_args()
    sample = kuairand.read(options.folder)
    found: dict[str, list[Floats]] = {name: [] for name in options.only}
    for cut_ms in BLOCKS[options.block]:
        known, exam = sample.known(sample.before(cut_ms), cut_ms), asked(options.folder, sample, cut_ms)
        print(f"{len(exam.users):,} viewers, {int(exam.held.sum()):,} long-viewed items", flush=True)
        base = Once(factors=options.factors, threads=1)
        for name in options.only:
            model = MODELS[name](base, sample)
            model.fit(known)
            found[name].append(recalls(model, known, exam))
    print(f"| model | {' | '.join(f'recall@{k}' for k in KS)} |\n|{'---|' * (len(KS) + 1)}")
    for name, parts in found.items():
        print(row(name, np.concatenate(parts)), flush=True)


if __name__ == "__main__":
    main()
