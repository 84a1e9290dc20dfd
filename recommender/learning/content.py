"""What dramas are, and where that puts a drama that few have watched: from category, tags, cast and length to factors.

For a drama without watchers it is all there is; its first watchers say more, so that they take over at once (measured
by bench/recommender/cold.py, docs/recommender.md).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.sparse import csr_matrix, hstack, identity

from domain.catalogue import Catalogue, Drama
from recommender.learning.signals import Floats
from recommender.learning.weights import Weights

LEAST_DRAMAS = 2  # that share a name: of one alone nothing is learnt for another
MOST_TAGS, MOST_CAST, MOST_CATEGORIES, MOST_REGIONS = 400, 400, 100, 30  # the most frequent: the solve is cubic in them
LENGTHS_MS = (7_000, 15_000, 30_000, 60_000, 90_000, 120_000, 300_000)  # of an episode: from trailers to television
EPISODES = (2, 10, 30, 60, 100)

Ints = NDArray[np.int32]


@dataclass(frozen=True)
class Content:
    """One row a dense index.  Equal numbers are equal names; 0 is none, as in rows where there is no drama."""

    known: NDArray[np.bool_]  # there is such a drama
    shown: NDArray[np.bool_]  # viewers may be shown it
    category: Ints
    series: Ints
    region: Ints
    tags: csr_matrix  # a column a name, ones
    cast: csr_matrix
    episodes: Ints
    episode_ms: Floats  # the median

    def __len__(self) -> int:
        return len(self.known)

    @classmethod
    def of(cls, catalogue: Catalogue, dramas: int = 0) -> Self:
        """Of a catalogue; at least `dramas` rows, and one for each dense index in use."""
        rows: list[Drama | None] = [None] * max(dramas, catalogue.top_index + 1)
        for drama in catalogue:
            rows[drama.index] = drama
        return cls(
            known=np.array([drama is not None for drama in rows], bool),
            shown=np.array([drama is not None and catalogue.shown(drama.drama_id) for drama in rows], bool),
            category=_numbers(rows, lambda drama: drama.category),
            series=_numbers(rows, lambda drama: drama.series),
            region=_numbers(rows, lambda drama: drama.region),
            tags=_names(rows, lambda drama: drama.tags),
            cast=_names(rows, lambda drama: dict.fromkeys(drama.cast)),
            episodes=np.array([drama.episodes if drama else 0 for drama in rows], np.int32),
            episode_ms=np.array([_median(drama.durations) if drama else 0 for drama in rows], np.float32),
        )


def features(content: Content) -> csr_matrix:
    """(dramas, features): each group of them has length 1 or 0 in a row; the last is 1 for whatever is known."""
    groups = [
        _frequent(_one_each(content.category), MOST_CATEGORIES),
        _frequent(content.tags, MOST_TAGS),
        _frequent(content.cast, MOST_CAST),
        _frequent(_one_each(content.region), MOST_REGIONS),
        _buckets(content.episode_ms, LENGTHS_MS, content.known),
        _buckets(content.episodes, EPISODES, content.known),
        csr_matrix(content.known.astype(np.float32)[:, None]),
    ]
    return csr_matrix(hstack([_of_length_1(group) for group in groups], format="csr", dtype=np.float32))


def vectors(content: Content, learnt: Floats, watchers: Floats, weights: Weights) -> Floats:
    """A vector a dense index: of k watchers k / (k + content_trust) is what was learnt, the rest what content foretold.

    Direction and length are blended each for itself: what is learnt of one watcher is very short, and right.
    `learnt` (m, d) and `watchers` (m,) have at most as many rows as `content`; the others have no watchers.  Of a drama
    that is not known all is learnt.  Where no known drama has watchers there is nothing to foretell from.
    """
    whole = np.zeros((len(content), learnt.shape[1]), np.float32)
    whole[: len(learnt)] = learnt
    k = np.zeros(len(content), np.float32)
    k[: len(watchers)] = watchers
    if not (content.known & (k > 0)).any():
        return whole
    direction, length = _parts(whole)
    x, rows = features(content), np.where(content.known, k / (k + weights.content_rows), 0)
    foretold: Floats = (x @ _ridge(x, np.hstack([direction, length]), rows, weights.content_ridge)).astype(np.float32)
    trust = np.where(content.known, k / np.maximum(k + weights.content_trust, 1e-9), 1)[:, None]
    mixed: Floats = (trust * direction + (1 - trust) * _parts(foretold[:, :-1])[0]).astype(np.float32)
    blend, _ = _parts(mixed)
    return np.asarray(blend * (trust * length + (1 - trust) * np.maximum(foretold[:, -1:], 0)), np.float32)


def _parts(rows: Floats) -> tuple[Floats, Floats]:
    """Rows of length 1 (or 0), and their lengths (n, 1)."""
    length: Floats = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Floats = (rows / np.maximum(length, 1e-12)).astype(np.float32)
    return unit, length


def _ridge(x: csr_matrix, y: Floats, weight: Floats, strength: float) -> Floats:
    """Coefficients (features, d) of the weighted least squares, `strength` on each."""
    weighted = csr_matrix(x.multiply(weight[:, None]))
    gram = (x.T @ weighted + max(strength, 1e-3) * identity(x.shape[1])).toarray()
    found: Floats = cho_solve(cho_factor(gram, lower=True), weighted.T @ y).astype(np.float32)
    return found


# -- from dramas to columns ------------------------------------------------------------------------------------------


def _numbers(rows: Sequence[Drama | None], name_of: Callable[[Drama], str]) -> Ints:
    numbers = {"": 0}
    return np.array([numbers.setdefault(name_of(row) if row else "", len(numbers)) for row in rows], np.int32)


def _names(rows: Sequence[Drama | None], names_of: Callable[[Drama], Iterable[str]]) -> csr_matrix:
    numbers: dict[str, int] = {}
    columns, starts = [], [0]
    for row in rows:
        columns += [numbers.setdefault(name, len(numbers)) for name in (names_of(row) if row else ())]
        starts.append(len(columns))
    return csr_matrix((np.ones(len(columns), np.float32), columns, starts), shape=(len(rows), len(numbers)))


def _median(durations: Sequence[int]) -> int:
    return sorted(durations)[len(durations) // 2] if durations else 0


# -- from columns to features ----------------------------------------------------------------------------------------


def _one_each(numbers: Ints) -> csr_matrix:
    has = np.flatnonzero(numbers)
    return csr_matrix(
        (np.ones(len(has), np.float32), (has, numbers[has] - 1)), shape=(len(numbers), max(numbers, default=0))
    )


def _frequent(names: csr_matrix, most: int) -> csr_matrix:
    """The columns that at least LEAST_DRAMAS have, `most` of them; of equals the first."""
    counts = Counter(names.indices.tolist())
    kept = [column for column, count in counts.items() if count >= LEAST_DRAMAS]
    kept.sort(key=lambda column: (-counts[column], column))
    return csr_matrix(names[:, kept[:most]])


def _buckets(values: NDArray[np.generic], edges: Sequence[int], known: NDArray[np.bool_]) -> csr_matrix:
    has = np.flatnonzero(known)
    columns = np.searchsorted(edges, values[has], side="right")
    return csr_matrix((np.ones(len(has), np.float32), (has, columns)), shape=(len(values), len(edges) + 1))


def _of_length_1(group: csr_matrix) -> csr_matrix:
    length = np.sqrt(np.asarray(group.multiply(group).sum(axis=1)).ravel())
    return csr_matrix(group.multiply((1 / np.maximum(length, 1))[:, None]))
