"""Implicit ALS (Hu, Koren, Volinsky, ICDM 2008) as implicit's public class does it."""

from __future__ import annotations

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix

from recommender.blas import blas_threads
from recommender.interactions import Floats
from recommender.learning.als import largest_singular_value, thinness
from recommender.models.factors import FactorModel


class ImplicitALS(FactorModel):
    """`alpha` times a confidence is what a watch weighs, at most the thinness of the log: more drowns tastes.

    `regularization` is relative to the largest singular value of the weighted matrix, which grows with the log as noise
    does.  `threads` 0 takes all cores; the numbers do not depend on it.
    """

    def __init__(
        self, *, factors: int = 128, alpha: float = 40.0, regularization: float = 0.035, iterations: int = 15,
        positive: float = 1.0, seed: int = 7, threads: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(positive)
        self._settings = {"factors": factors, "iterations": iterations, "random_state": seed, "num_threads": threads}
        self._alpha, self._regularization = alpha, regularization
        self._solver = AlternatingLeastSquares(**self._settings)

    def _factors(self, matrix: csr_matrix) -> tuple[Floats, Floats]:
        alpha = min(self._alpha, thinness(matrix))
        regularization = max(1e-3, self._regularization * alpha * largest_singular_value(matrix))
        self._solver = AlternatingLeastSquares(alpha=alpha, regularization=regularization, **self._settings)
        with blas_threads(1):
            self._solver.fit(matrix, show_progress=False)
        return self._solver.user_factors.copy(), self._solver.item_factors

    def _vectors(self, histories: csr_matrix) -> Floats:
        if not histories.nnz:
            return np.zeros((histories.shape[0], self._solver.factors), np.float32)
        found: Floats = self._solver.recalculate_user(np.arange(histories.shape[0]), histories)
        return found
