"""What every model can do, so that one evaluation, one blend and one job serve them all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.interactions import Floats, Ints, Known


class Model(Protocol):
    """Made with its settings, fitted once.  Seeded: the same `Known` gives the same numbers.

    Scores are float32 and finite, higher is better; only their order within a row means something.  What a viewer has
    seen is not left out: who asks does that.
    """

    def fit(self, known: Known) -> None:
        """Learn.  Any `known` will do: empty, one user, one item, all alike."""

    def scores(self, users: Ints) -> Floats:
        """(len(users), items) for users of `known`; those without a history get what everybody gets."""

    def fold_in(self, histories: csr_matrix) -> Floats:
        """(rows, items) for viewers who were not there: each row is what one has watched, 1 or a confidence."""

    def related(self, items: Ints) -> Floats:
        """(len(items), items) "people who watched this also watched"; an item's own score is 0, 0 is no relation."""

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """What was learnt, by name: an artefact that can be kept beside the version it made."""
