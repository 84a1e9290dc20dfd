"""The closed-form models on the sample log: recall of what viewers were glad of, trained once before the block.

    OPENBLAS_NUM_THREADS=1 python -m bench.recommender.linear FOLDER [--block test] [--only NAME ...]

Trained on `sequences` (all before 25 April); validation is 25-30 April, test 1-8 May (look once).  What a viewer
watched in training is neither listed nor asked for; viewers without a history are misses.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import numpy as np
from scipy.stats import zscore

from bench.recommender import kuairand, measure
from bench.recommender.kuairand import PAST_UNTIL_MS, TEST_FROM_MS
from recommender.interactions import Floats, Ints
from recommender.models.ease import Ease
from recommender.models.linear import LinearModel
from recommender.models.ordered import Ordered

BLOCKS: Final = {"validation": (PAST_UNTIL_MS, TEST_FROM_MS), "test": (TEST_FROM_MS, 2**62)}
MODELS: Final[Mapping[str, Callable[[], LinearModel]]] = {
    "ease": lambda: Ease(threads=1),
    "edlae": lambda: Ease(regularization=200.0, dropout=0.3, threads=1),
    "rlae": lambda: Ease(diagonal=0.3, threads=1),
    "rdlae": lambda: Ease(regularization=200.0, dropout=0.3, diagonal=0.3, threads=1),
    "ordered": lambda: Ordered(threads=1),
}
BOTH: Final = ("rdlae", "ordered", 0.3)  # the sum of their z-scores, the second's with this weight


def both(one: LinearModel, other: LinearModel, weight: float) -> Callable[[Ints], Floats]:
    """Scores of two models, each viewer's with deviation 1."""

    def scores(users: Ints) -> Floats:
        found: Floats = np.nan_to_num(zscore(one.scores(users), 1) + weight * zscore(other.scores(users), 1))
        return found

    return scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--block", choices=tuple(BLOCKS), default="validation")
    parser.add_argument("--only", nargs="*", default=list(MODELS))
    options = parser.parse_args()
    sample = kuairand.read(options.folder)
    known = sample.known(sample.past, PAST_UNTIL_MS)
    asked = measure.block(sample.between(*BLOCKS[options.block]), known.watched)
    print(f"{asked.wanted.nnz} positives")
    made: dict[str, LinearModel] = {}
    for name in options.only:
        made[name] = MODELS[name]()
        with measure.Cost() as cost:
            made[name].fit(known)
        tell(name, measure.measure(made[name].scores, asked).told(known.items), cost.cpu_s)
    one, other, weight = BOTH
    if one in made and other in made:
        scores = both(made[one], made[other], weight)
        tell(f"{one} + {weight} {other}", measure.measure(scores, asked).told(known.items), 0.0)


def tell(name: str, found: Mapping[str, float], cpu_s: float) -> None:
    numbers = "  ".join(f"{measured} {value:.4f}" for measured, value in found.items())
    print(f"{name:22} {numbers}  CPU-s {cpu_s:.1f}", flush=True)


if __name__ == "__main__":
    main()
