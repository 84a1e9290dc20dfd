"""How a training is to be done beside its moment and its weights."""

from __future__ import annotations

from dataclasses import dataclass

from domain.catalogue import EMPTY, Catalogue
from recommender.training.limits import LIMITS, Limits


@dataclass(frozen=True)
class Order:
    """What the gate goes by, and what it is told.

    `overrule`: why a person wants it published whatever the gate doubts.  `catalogue`: of now, EMPTY where unknown.
    """

    limits: Limits = LIMITS
    catalogue: Catalogue = EMPTY
    overrule: str = ""
