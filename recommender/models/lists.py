""" "People also watched": one list an item, blended of co-watches and vectors, without hubs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import ceil
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.interactions import Floats, Ints, Known
from recommender.models import cowatch, hubs
from recommender.models.cowatch import Near, Watches
from recommender.models.factors import FactorModel
from recommender.models.fsals import FrequencyScaledALS

AT_ONCE: Final = 4_000_000  # scores of a block: some 100 MB with what they are made of
NAMES: Final = ("cosine", "rp3beta", "near", "folded", "alike")
# Found on 25-30 April of the sample log (bench/recommender/item_lists.py), each part's best item of a list having 1;
# cosine and near add nothing to these there.
PARTS: Final[Mapping[str, float]] = {"rp3beta": 1.0, "folded": 1.0, "alike": 0.5}
OF_FACTORS: Final = frozenset({"folded", "alike"})


class ItemLists:
    """Lists are made once, in `fit`; a viewer's scores are the sum of the lists of what they watched.

    `parts` are weights of: cosine (shrunk), rp3beta, near (close in time), folded (what `factors` gives a viewer of the
    seed alone), alike (the cosine of its vectors).  `series` and `tags` are (items,) numbers, -1 for none: what shares
    the seed's series is left out; the fewer watches a seed has (about `few`), the more its list is what is popular of
    its tag.  No item is among the first `head` of more than `hub` of all lists (nor, in a small catalogue, 2 * head).
    """

    def __init__(
        self, *, parts: Mapping[str, float] = PARTS, factors: Callable[[], FactorModel] = FrequencyScaledALS,
        series: Ints | None = None, tags: Ints | None = None, few: float = 3.0, length: int = 50, head: int = 10,
        hub: float = 0.02, short: float = 0.5, most: int = 200, shrink: float = 20.0, beta: float = 0.5,
        steps: int = 25, days: float = 7.0, session: float = 0.5, back: float = 1.0,
    ) -> None:  # fmt: skip
        self._parts, self._factors, self._series, self._tags = dict(parts), factors, series, tags
        self._few, self._length, self._head, self._hub = few, length, head, hub
        self._short, self._most, self._shrink, self._beta = short, most, shrink, beta
        self._steps, self._days, self._session, self._back = steps, days, session, back
        self._profiles = self._lists = csr_matrix(np.zeros((0, 0), np.float32))
        self._everybody = np.zeros(0, np.float32)

    def fit(self, known: Known) -> None:
        """Raises ValueError where a part has no such name, or series or tags are not as many as items."""
        self._check(known.items)
        watches = cowatch.latest(known, self._most, self._short)
        self._profiles = known.watched
        self._lists = self._listed(watches, self._sources(known, watches))
        active = max(1, int((np.diff(self._profiles.indptr) > 0).sum()))
        mean = csr_matrix(self._profiles.sum(axis=0) / active, dtype=np.float32)
        self._everybody = (mean @ self._lists).toarray().ravel()

    def scores(self, users: Ints) -> Floats:
        return self.fold_in(self._profiles[users])

    def fold_in(self, histories: csr_matrix) -> Floats:
        histories = csr_matrix(histories, dtype=np.float32)
        found: Floats = (histories @ self._lists).toarray()
        found[np.diff(histories.indptr) == 0] = self._everybody
        return found

    def related(self, items: Ints) -> Floats:
        found: Floats = self._lists[items].toarray()
        return found

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        lists = self._lists
        return {"start": lists.indptr, "item": lists.indices, "score": lists.data, "everybody": self._everybody}

    def _check(self, items: int) -> None:
        unknown = self._parts.keys() - set(NAMES)
        if unknown:
            raise ValueError(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
        for name, column in (("series", self._series), ("tags", self._tags)):
            if column is not None and len(column) != items:
                raise ValueError(f"{len(column)} {name} of {items} items")

    def _sources(self, known: Known, watches: Watches) -> dict[str, Callable[[Ints], Floats]]:
        """What is weighted, by name: (rows, items) scores of rows."""
        near = Near(watches, self._steps, self._days, self._session, self._back)
        found: dict[str, Callable[[Ints], Floats]] = {
            "cosine": lambda rows: cowatch.cosine(watches, rows, self._shrink),
            "rp3beta": lambda rows: cowatch.rp3beta(watches, rows, self._beta),
            "near": lambda rows: near.rows(rows, self._shrink),
        }
        if OF_FACTORS & self._parts.keys():
            model = self._factors()
            model.fit(known)
            vectors = np.asarray(model.arrays()["items"])
            directions = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
            found |= {"folded": model.related, "alike": lambda rows: directions[rows] @ directions.T}
        return {name: found[name] for name in self._parts}

    def _listed(self, watches: Watches, sources: Mapping[str, Callable[[Ints], Floats]]) -> csr_matrix:
        found = [hubs.best(np.zeros((0, watches.items), np.float32), self._length)]
        found += [hubs.best(self._blended(watches, sources, rows), self._length) for rows in _blocks(watches.items)]
        items, scores = (np.concatenate(column) for column in zip(*found, strict=True))
        lists = int((items >= 0).any(axis=1).sum())
        kept = hubs.capped(items, scores, self._head, max(ceil(self._hub * lists), 2 * self._head))
        return hubs.as_matrix(items, scores, kept, watches.items)

    def _blended(self, watches: Watches, sources: Mapping[str, Callable[[Ints], Floats]], rows: Ints) -> Floats:
        scores = np.zeros((len(rows), watches.items), np.float32)
        for name, source in sources.items():
            scores += np.float32(self._parts[name]) * _scaled(self._allowed(source(rows), watches, rows))
        if self._tags is None:
            return _scaled(scores)
        trust = (watches.often[rows] / (watches.often[rows] + self._few)).astype(np.float32)[:, None]
        tagged = self._allowed(cowatch.of_few(watches, self._tags, rows), watches, rows)
        return trust * _scaled(scores) + (1 - trust) * _scaled(tagged)

    def _allowed(self, scores: Floats, watches: Watches, rows: Ints) -> Floats:
        """Nothing below 0, not the seed, none of its series, nothing that nobody watched."""
        scores = np.maximum(scores, 0) * (watches.often > 0)
        scores[np.arange(len(rows)), rows] = 0
        if self._series is not None:
            series = self._series[rows][:, None]
            scores[(series == self._series) & (series >= 0)] = 0
        return scores


def _scaled(scores: Floats) -> Floats:
    """Each row's best is 1."""
    found: Floats = (scores / np.maximum(scores.max(axis=1, keepdims=True, initial=0), 1e-12)).astype(np.float32)
    return found


def _blocks(items: int) -> Iterator[Ints]:
    step = max(1, AT_ONCE // max(1, items))
    return (np.arange(begin, min(begin + step, items)) for begin in range(0, items, step))
