"""Closed-form linear models: EASE (Steck, WWW 2019), EDLAE (Steck, NeurIPS 2020), relaxed (Moon et al., SIGIR 2023)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recommender.interactions import Floats, Ints, Known
from recommender.models.linear import LinearModel, gram, inverse, regularised


class Ease(LinearModel):
    """Each item's score from all others that were watched, by ridge regression.

    With P = (X'X + L)^-1 and L = regularization + dropout / (1 - dropout) * diag(X'X) the weights are I - P diag(m):
    m is 1 / diag(P) where an item may not tell of itself (EASE; EDLAE with dropout > 0).  `diagonal` relaxes that: an
    item may tell up to so much of itself (RLAE, RDLAE); 1 leaves it free.

    `related` is the partial correlation -P[a,b] / sqrt(P[a,a] P[b,b]): as good as a row of weights at the next positive
    of the session, better at what few watch (IPS .077 against .058), and it has no hubs (.03 of the lists against .10).
    """

    def __init__(
        self, *, regularization: float = 500.0, dropout: float = 0.0, diagonal: float = 0.0, positive: float = 1.0,
        threads: int = 0,
    ) -> None:  # fmt: skip
        """Raises ValueError unless regularization > 0, 0 <= dropout < 1 and 0 <= diagonal <= 1."""
        if not (regularization > 0 and 0 <= dropout < 1 and 0 <= diagonal <= 1):
            raise ValueError(f"regularization {regularization}, dropout {dropout}, diagonal {diagonal}")
        super().__init__(positive, threads)
        self._regularization, self._dropout, self._diagonal = regularization, dropout, diagonal
        self._spread: Floats = np.zeros(0, np.float32)  # turns a column of weights into partial correlations

    def related(self, items: Ints) -> Floats:
        found: Floats = super().related(items) * self._spread  # a row is in the same order without the seed's root
        return found

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {**super().arrays(), "spread": self._spread}

    def _learnt(self, known: Known) -> Floats:  # noqa: ARG002 (profiles are all it needs)
        square = gram(self._profiles, self._profiles)
        often = np.diag(square).astype(np.float64)
        extra = regularised(square, self._regularization + self._dropout / (1 - self._dropout) * often)
        corner = np.diag_indices_from(square)
        square[corner] += extra
        precision = inverse(square)
        own = precision[corner].copy()
        free = 1 - own * extra  # what an item would tell of itself
        scale = np.where(free <= self._diagonal, extra, (1 - self._diagonal) / own)
        self._spread = (1 / (scale * np.sqrt(own))).astype(np.float32)
        precision *= -scale
        precision[corner] += 1
        if not self._diagonal:
            precision[corner] = 0  # but for rounding it is
        return precision
