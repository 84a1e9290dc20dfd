"""The fit on Spark, in local mode, is worth as much as implicit's on the same log.  Needs requirements/spark.txt."""

from __future__ import annotations

import sys

import msgspec
import numpy as np
import pytest
from scipy.sparse import csr_matrix

from bench.recommender import made_up
from recommender.errors import Trouble
from recommender.learning import als, spark_als
from recommender.learning.als import Factors
from recommender.learning.model import train
from recommender.learning.weights import WEIGHTS
from tests.snapshots import two_tastes

SMALL = msgspec.structs.replace(WEIGHTS, factors=16, iterations=8)
DRAMAS, LENGTH = 500, 20


def split() -> tuple[csr_matrix, np.ndarray, np.ndarray]:
    """A matrix of confidences, and one watch that each of its viewers with more than three has besides."""
    log, rng = made_up.log(20_000, DRAMAS), np.random.default_rng(1)
    _, viewer = np.unique(log.viewer, return_inverse=True)
    order = np.lexsort((rng.random(len(viewer)), viewer))
    first = order[np.append(True, np.diff(viewer[order]) > 0)]
    held = first[np.bincount(viewer)[viewer[first]] > 3]
    kept = np.setdiff1d(np.arange(len(viewer)), held)
    worth = 1 + rng.random(len(kept)).astype(np.float32)
    matrix = csr_matrix((worth, (viewer[kept], log.drama[kept])), shape=(viewer.max() + 1, DRAMAS + 1))
    return matrix, viewer[held], log.drama[held]


def ndcg(found: Factors, matrix: csr_matrix, viewers: np.ndarray, dramas: np.ndarray) -> float:
    """Of LENGTH dramas that the viewer had not watched."""
    scores = found.viewers @ found.dramas.T
    scores[matrix.nonzero()] = -np.inf
    above = (scores[viewers] > scores[viewers, dramas][:, None]).sum(axis=1)
    return float(np.where(above < LENGTH, 1 / np.log2(above + 2), 0).mean())


def test_spark_finds_what_implicit_finds(monkeypatch):
    pytest.importorskip("pyspark", reason="pyspark is not here: pip install -r requirements/spark.txt")
    monkeypatch.setenv("PYSPARK_SUBMIT_ARGS", "--master local[2] --driver-memory 1g pyspark-shell")
    matrix, viewers, dramas = split()
    implicit, spark = (ndcg(fit(matrix, SMALL), matrix, viewers, dramas) for fit in (als.fit, spark_als.fit))
    assert implicit > 0.1
    assert spark >= 0.97 * implicit


def test_without_pyspark_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(Trouble, match=r"requirements/spark\.txt"):
        train(two_tastes(), msgspec.structs.replace(SMALL, engine="spark"))
