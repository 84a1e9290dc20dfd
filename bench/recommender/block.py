"""One model on one block of days, in a process of its own: its memory is then nobody else's."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from recommender.evaluation.child import peak_mb
from recommender.evaluation.exam import exam
from recommender.evaluation.measures import Marks, marks
from recommender.evaluation.numbers import numbers
from recommender.interactions import Interactions, Known
from recommender.models.model import Model

KS = (20, 50, 100, 200)
NAMES = ("micro-recall@50", "micro-recall@100", "micro-recall@200", "recall@20", "ndcg@20", "uauc", "coverage@20")
SEED = 7


@dataclass(frozen=True)
class Measured:
    """Numbers by name, positives asked for (of viewers with a history), and what the fit took."""

    values: Mapping[str, float]
    asked: int
    of_known: int
    cpu_s: float
    peak_mb: float  # of the process, with the log and what it took to ask

    def line(self, name: str) -> str:
        """A row of a table in Markdown; first NAMES, then cost."""
        cells = [f"{self.values[key]:.4f}" for key in NAMES] + [f"{self.cpu_s:.1f}", f"{self.peak_mb:.0f}"]
        return f"| {name} | {' | '.join(cells)} |"


def head() -> str:
    """The first rows of a table of `Measured.line`."""
    return f"| model | {' | '.join(NAMES)} | fit CPU-s | peak MB |\n|{'---|' * (len(NAMES) + 3)}"


def marked(model: Model, known: Known, later: Interactions) -> tuple[Marks, float]:
    """Fit, and ask for everything unwatched that was positive later; CPU-seconds of the fit."""
    began = time.process_time()
    model.fit(known)
    cpu_s = time.process_time() - began
    return marks(model, known, exam(known, later, 0, SEED), KS, SEED), cpu_s


def measured(found: Marks, cpu_s: float) -> Measured:
    """Viewers without a history are misses."""
    told = numbers(found, NAMES, SEED)
    values = {name: value or 0.0 for name, value in told.values.items()}
    asked = found.wanted
    return Measured(values, int(asked.sum()), int(asked[found.history].sum()), cpu_s, peak_mb())


def apart(task: Callable[[Path, str], Measured], folder: Path, name: str) -> Measured:
    """task(folder, name) in a fresh process."""
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=fresh) as pool:
        return pool.submit(task, folder, name).result()
