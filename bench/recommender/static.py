"""Trained once, on what was before 25 April: how much of what viewers were glad of afterwards is in their lists?

    OPENBLAS_NUM_THREADS=1 python -m bench.recommender.static FOLDER [--block test] [--only NAME ...]

Models learn from `sequences` alone.  Settings were chosen on the last three days of validation (28-30 April); what may
be learnt from validation (the foresight of `foreseen`: a regression over all items, nothing of a single item or viewer)
is learnt from 25-27 April there, and from all of 25-30 April for the test, 1-8 May, which is to be looked at once.
What a viewer watched in training is neither listed nor asked for; viewers without a history are misses.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from bench.recommender import block, kuairand
from bench.recommender.kuairand import PAST_UNTIL_MS, TEST_FROM_MS, KuaiRand, midnight_ms
from recommender.models.als import ImplicitALS
from recommender.models.ease import Ease
from recommender.models.forecast import Foreseen, learn
from recommender.models.fsals import FrequencyScaledALS
from recommender.models.model import Model
from recommender.models.ordered import Ordered
from recommender.models.popularity import Popularity
from recommender.models.trend import Fresh

CHOSEN_FROM_MS: Final = midnight_ms(4, 28)
BLOCKS: Final = {"validation": (CHOSEN_FROM_MS, TEST_FROM_MS), "test": (TEST_FROM_MS, 2**62)}

wide = partial(FrequencyScaledALS, factors=256, threads=1)


def foreseen(sample: KuaiRand, until_ms: int) -> Model:
    """What it learnt between 25 April and the block."""
    past = sample.known(sample.past, PAST_UNTIL_MS)
    learnt = learn(past, sample.between(PAST_UNTIL_MS, until_ms), sample.kind)
    return Foreseen(wide(), power=0.4, about=sample.kind, learnt=learnt)


MODELS: Final[Mapping[str, Callable[[KuaiRand, int], Model]]] = {
    "popularity": lambda *_: Popularity(),
    "als": lambda *_: ImplicitALS(threads=1),
    "ease": lambda *_: Ease(threads=1),
    "edlae": lambda *_: Ease(regularization=200.0, dropout=0.3, diagonal=0.3, threads=1),
    "ordered": lambda *_: Ordered(threads=1),
    "fsals": lambda *_: FrequencyScaledALS(threads=1),
    "fsals-256": lambda *_: wide(),
    "fsals-256-fresh": lambda *_: Fresh(wide(), half_life_days=1.5, power=0.3),
    "fsals-256-foreseen": foreseen,
}


def task(folder: Path, what: str) -> block.Measured:
    """`what` is NAME@BLOCK."""
    name, part = what.split("@")
    sample = kuairand.read(folder)
    known, later = sample.known(sample.past, PAST_UNTIL_MS), sample.between(*BLOCKS[part])
    return block.measured(*block.marked(MODELS[name](sample, BLOCKS[part][0]), known, later))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--block", choices=tuple(BLOCKS), default="validation")
    parser.add_argument("--only", nargs="*", choices=tuple(MODELS), default=list(MODELS))
    options = parser.parse_args()
    print(block.head())
    for name in options.only:
        found = block.apart(task, options.folder, f"{name}@{options.block}")
        print(found.line(name), flush=True)
    print(f"{found.asked:,} positives, {found.of_known:,} of viewers with a history ({options.block})")


if __name__ == "__main__":
    main()
