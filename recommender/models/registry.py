"""Every model that is measured beside the others, by name.  A new one is a file here and a line below."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from recommender.models.als import ImplicitALS
from recommender.models.ease import Ease
from recommender.models.forecast import Foreseen
from recommender.models.fsals import FrequencyScaledALS
from recommender.models.lists import ItemLists
from recommender.models.model import Model
from recommender.models.ordered import Ordered
from recommender.models.popularity import Popularity
from recommender.models.randomly import Randomly
from recommender.models.trend import Fresh

MODELS: Final[Mapping[str, Callable[[], Model]]] = {
    "random": Randomly,
    "popularity": Popularity,
    "popularity-positive": lambda: Popularity(positive=True),
    "trend": lambda: Popularity(half_life_days=1.5),
    "als": ImplicitALS,
    "fsals": FrequencyScaledALS,
    "fsals-fresh": lambda: Fresh(FrequencyScaledALS(), half_life_days=1.5, power=0.5),
    "fsals-foreseen": lambda: Foreseen(FrequencyScaledALS(), power=0.4),
    "ease": Ease,
    "edlae": lambda: Ease(regularization=200.0, dropout=0.3, diagonal=0.3),
    "ordered": Ordered,
    "cosine": lambda: ItemLists(parts={"cosine": 1.0}, hub=1.0),
    "rp3beta": lambda: ItemLists(parts={"rp3beta": 1.0}, hub=1.0),
    "lists": ItemLists,
}
