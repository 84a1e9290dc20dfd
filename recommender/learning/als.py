"""Implicit ALS: viewers and dramas as vectors whose product says how much a viewer would like a drama."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from recommender.learning.weights import Weights

POWER_STEPS = 20  # of the power iteration: two digits are plenty


@dataclass(frozen=True)
class Factors:
    """One row a viewer (in the order of the matrix) and one a dense index; and what the fit weighed by.

    `alpha` times a confidence is what a watch weighed, `regularization` what vectors are held down with: whoever comes
    later is folded in with the same.
    """

    viewers: NDArray[np.float32]
    dramas: NDArray[np.float32]
    regularization: float
    alpha: float


def fit(matrix: csr_matrix, weights: Weights) -> Factors:
    """Factors of a (viewers, dramas) matrix of confidences >= 0.  Seeded: the same matrix gives the same factors.

    The class of implicit.cpu, so that a machine with a GPU does the same.
    """
    alpha = min(weights.alpha, thinness(matrix))
    regularization = max(1e-3, weights.regularization * alpha * largest_singular_value(matrix))
    with threadpool_limits(1, "blas"):  # where OPENBLAS_NUM_THREADS came too late
        model = AlternatingLeastSquares(
            factors=weights.factors,
            regularization=regularization,
            alpha=alpha,
            iterations=weights.iterations,
            random_state=weights.seed,
        )
        model.fit(matrix, show_progress=False)
    return Factors(model.user_factors, model.item_factors, regularization, alpha)


def thinness(matrix: csr_matrix) -> float:
    """Cells an entry, of the columns that have one.  Watches heavier than this drown tastes."""
    columns = len(np.unique(matrix.indices))
    return matrix.shape[0] * columns / max(1, matrix.nnz)


def largest_singular_value(matrix: csr_matrix) -> float:
    """By power iteration from the vector of ones, which no matrix without negative entries can hide from."""
    vector = np.ones(matrix.shape[1], np.float32)
    length = 0.0
    for _ in range(POWER_STEPS):
        vector = matrix.T @ (matrix @ vector)
        length = float(np.linalg.norm(vector))
        if not length:
            return 0.0
        vector /= length
    return float(np.sqrt(length))
