"""An order-aware linear model: what was watched before tells what is watched next (SLIT of Choi et al., WWW 2021)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.sparse import csr_matrix

from recommender.interactions import Flags, Floats, Ints, Known
from recommender.models.cowatch import from_end, latest
from recommender.models.linear import LinearModel, gram, regularised, solved

ROWS_AT_ONCE = 100_000  # moments whose past and future are held at once: about 60 MB with 20 steps


class Ordered(LinearModel):
    """weights = (X'X + regularization)^-1 X'Y, a row a moment between two watches of a viewer.

    X is the past, Y the future, both `steps` watches; those further away weigh less, `decay` from one to the next.  A
    viewer's score is their latest `most` watches, a step weighing `fading`, times the weights.  While it learns it
    holds two dense matrices, X'X and X'Y; what it has learnt takes the place of the second.
    """

    def __init__(
        self, *, regularization: float = 500.0, steps: int = 20, decay: float = 0.9, fading: float = 0.97,
        most: int = 200, threads: int = 0,
    ) -> None:  # fmt: skip
        """Raises ValueError unless regularization > 0, steps > 0 and both weights are in (0, 1]."""
        if not (regularization > 0 and steps > 0 and 0 < decay <= 1 and 0 < fading <= 1):
            raise ValueError(f"regularization {regularization}, steps {steps}, decay {decay}, fading {fading}")
        super().__init__(1.0, threads)
        self._regularization, self._steps, self._decay = regularization, steps, decay
        self._fading, self._most = fading, most

    def _of_viewers(self, known: Known) -> csr_matrix:
        watches = latest(known, self._most, short=1.0)
        fading = self._fading ** from_end(watches.user)
        shape = (known.users, known.items)
        return csr_matrix((fading.astype(np.float32), (watches.user, watches.item)), shape=shape)

    def _learnt(self, known: Known) -> Floats:
        watches = latest(known, self._most, short=1.0)
        square = right = None
        for past, future in self._moments(watches.user, watches.item, known.items):
            square, right = gram(past, past, square), gram(past, future, right)
        if square is None or right is None:
            return np.zeros((known.items, known.items), np.float32)
        corner = np.diag_indices_from(square)
        square[corner] += regularised(square, np.full(known.items, self._regularization))
        return solved(square, right)

    def _moments(self, user: Ints, item: Ints, items: int) -> Iterator[tuple[csr_matrix, csr_matrix]]:
        """(past, future), blocks of rows; a moment is after an entry that another one of the viewer follows."""
        after = np.flatnonzero(user[1:] == user[:-1])
        for begin in range(0, len(after), ROWS_AT_ONCE):
            some = after[begin : begin + ROWS_AT_ONCE]
            yield self._near(user, item, some, -1, items), self._near(user, item, some + 1, 1, items)

    def _near(self, user: Ints, item: Ints, start: Ints, way: int, items: int) -> csr_matrix:
        """(len(start), items) the `steps` entries from `start` on, `way` 1 or -1, of the same viewer."""
        step = np.arange(self._steps)
        at = start[:, None] + way * step
        inside: Flags = (at >= 0) & (at < len(user))
        inside[inside] = user[at[inside]] == np.broadcast_to(user[start][:, None], at.shape)[inside]
        row, column = np.nonzero(inside)
        weights = (self._decay**step)[column].astype(np.float32)
        return csr_matrix((weights, (row, item[at[inside]])), shape=(len(start), items))
