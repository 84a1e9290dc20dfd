"""A training holds neither viewers x dramas nor dramas squared: its memory grows with what was watched."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench.recommender.scale import made_up_snapshot
from recommender.evaluation.child import peak_mb
from recommender.learning.model import train
from recommender.learning.weights import WEIGHTS

WATCHES, DRAMAS = 150_000, 8_000
DENSE_MB = 4 * DRAMAS * DRAMAS / 1e6  # of a number for each two dramas; of each viewer and drama there are more


def grown_mb() -> tuple[int, float]:
    """Viewers of a training, and how much more memory it took at its peak than its snapshot."""
    known = made_up_snapshot(WATCHES, DRAMAS)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before = peak_mb()
    made = train(known, WEIGHTS)
    return len(made.viewers), peak_mb() - before


def test_a_training_of_many_viewers_and_dramas_stays_far_below_one_number_for_each_two():
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        viewers, mb = pool.submit(grown_mb).result()
    assert viewers > DRAMAS
    assert mb < DENSE_MB
