"""Trained afresh each morning on everything before: how much of the day's positives is in the lists?

    OPENBLAS_NUM_THREADS=1 python -m bench.recommender.daily FOLDER [--block test] [--factors 256] [--only NAME ...]

Frequency-scaled ALS on `sequences` and the log until midnight, alone and with what leans it towards the day.  Settings
were chosen on 28-30 April with 128 factors; the test is 1-8 May, to be looked at once.  What a viewer watched before
that day is neither listed nor asked for; viewers without a history are misses.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.recommender import block, kuairand
from bench.recommender.kuairand import DAY_MS, KuaiRand, midnight_ms
from recommender.interactions import Known
from recommender.models.forecast import Foreseen
from recommender.models.fsals import FrequencyScaledALS
from recommender.models.model import Model
from recommender.models.trend import Fresh

BLOCKS: Final = {
    "validation": [midnight_ms(4, day) for day in (28, 29, 30)],
    "test": [midnight_ms(5, day) for day in range(1, 9)],
}
LEANING: Final[Mapping[str, Callable[[Model, KuaiRand], Model]]] = {
    "plain": lambda model, _: model,
    "fresh-1.5d-.5": lambda model, _: Fresh(model, half_life_days=1.5, power=0.5),
    "fresh-.5d-.5": lambda model, _: Fresh(model, half_life_days=0.5, power=0.5),
    "foreseen-.4": lambda model, sample: Foreseen(model, power=0.4, about=sample.kind),
    "foreseen-.6": lambda model, sample: Foreseen(model, power=0.6, about=sample.kind),
    "foreseen-.8": lambda model, sample: Foreseen(model, power=0.8, about=sample.kind),
}


class Once(FrequencyScaledALS):
    """Fitted to a log once, however many lean on it."""

    def fit(self, known: Known) -> None:
        if not len(self._items):
            super().fit(known)


@dataclass
class Sum:
    """Over days."""

    wanted: int = 0
    right: dict[int, float] = field(default_factory=lambda: dict.fromkeys(block.KS, 0.0))

    def line(self, name: str) -> str:
        """A row of a table in Markdown."""
        return f"| {name} | {' | '.join(f'{right / self.wanted:.4f}' for right in self.right.values())} |"


def day(sample: KuaiRand, begin_ms: int, factors: int, into: Mapping[str, Sum]) -> None:
    """Fit on what was before that midnight, ask for the day."""
    known, later = sample.known(sample.before(begin_ms), begin_ms), sample.between(begin_ms, begin_ms + DAY_MS)
    model = Once(factors=factors, threads=1)
    for name, total in into.items():
        found, _ = block.marked(LEANING[name](model, sample), known, later)
        total.wanted += int(found.wanted.sum())
        for number, k in enumerate(found.ks):
            total.right[k] += float(found.right[found.history, number].sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--block", choices=tuple(BLOCKS), default="validation")
    parser.add_argument("--factors", type=int, default=128)
    parser.add_argument("--only", nargs="*", choices=tuple(LEANING), default=list(LEANING))
    options = parser.parse_args()
    sample = kuairand.read(options.folder)
    totals = {name: Sum() for name in options.only}
    for begin_ms in BLOCKS[options.block]:
        day(sample, begin_ms, options.factors, totals)
    print(f"| model | {' | '.join(f'micro-recall@{k}' for k in block.KS)} |\n|{'---|' * (len(block.KS) + 1)}")
    for name, total in totals.items():
        print(total.line(name))
    print(f"{total.wanted:,} positives ({options.block}, {options.factors} factors)")


if __name__ == "__main__":
    main()
