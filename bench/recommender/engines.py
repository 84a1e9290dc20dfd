"""The job's fit by implicit and by Spark, of the same log: is one as good as the other, and what does each cost?

    OPENBLAS_NUM_THREADS=1 python -m bench.recommender.engines FOLDER [--block test] [--only implicit spark]

Needs pyspark (requirements/spark.txt) and Java 17 for `spark`.  Learnt from `sequences`, asked as
bench/recommender/static.py asks (validation 28-30 April, test 1-8 May); weights are the job's.  Seconds are of the fit,
Spark's with its start; its CPU-seconds are those of the JVM and of this process.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import psutil
from scipy.sparse import csr_matrix

from bench.recommender import block, kuairand
from bench.recommender.kuairand import PAST_UNTIL_MS
from bench.recommender.static import BLOCKS
from recommender.interactions import Floats, Known
from recommender.learning import als, spark_als
from recommender.learning.als import Factors
from recommender.learning.weights import WEIGHTS, Weights
from recommender.models.factors import FactorModel

Fit = Callable[[csr_matrix, Weights], Factors]
ENGINES: Final[Mapping[str, Fit]] = {"implicit": als.fit, "spark": spark_als.fit}


class Engine(FactorModel):
    """The job's fit as a model of the exam."""

    def __init__(self, fit: Fit) -> None:
        super().__init__(positive=1.0)
        self._fit = fit
        self.seconds = 0.0

    def _factors(self, matrix: csr_matrix) -> tuple[Floats, Floats]:
        began = time.perf_counter()
        found = self._fit(matrix, WEIGHTS)
        self.seconds = time.perf_counter() - began
        return found.viewers, found.dramas

    def _vectors(self, histories: csr_matrix) -> Floats:
        raise NotImplementedError("viewers are not folded in here")


def cpu_s() -> float:
    """Of this process, of its children and of those of them that have ended."""
    me = psutil.Process()
    return sum(me.cpu_times()[:4]) + sum(sum(child.cpu_times()[:2]) for child in me.children(recursive=True))


def asked(sample: kuairand.KuaiRand, known: Known, part: str, name: str) -> str:
    """A row of a table in Markdown."""
    model, before = Engine(ENGINES[name]), cpu_s()
    marks, _ = block.marked(model, known, sample.between(*BLOCKS[part]))
    values = block.measured(marks, 0.0).values
    cells = [f"{values[key]:.4f}" for key in ("recall@20", "ndcg@20", "micro-recall@50")]
    return f"| {name} | {' | '.join(cells)} | {model.seconds:.1f} | {cpu_s() - before:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--block", choices=tuple(BLOCKS), default="validation")
    parser.add_argument("--only", nargs="*", choices=tuple(ENGINES), default=list(ENGINES))
    options = parser.parse_args()
    sample = kuairand.read(options.folder)
    known = sample.known(sample.past, PAST_UNTIL_MS)
    print("| engine | recall@20 | ndcg@20 | micro-recall@50 | s | CPU-s with asking |\n|---|---|---|---|---|---|")
    for name in options.only:
        print(asked(sample, known, options.block, name), flush=True)


if __name__ == "__main__":
    main()
