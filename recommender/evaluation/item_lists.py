""" "People also watched" on a log: does what a viewer was glad of next, in the same session, stand in the list?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.evaluation import ranking, sessions
from recommender.evaluation.ranking import NOTHING
from recommender.interactions import Flags, Interactions, Ints, Known
from recommender.models.model import Model

SCORES_AT_ONCE = 4_000_000  # a block of lists: about 120 MB with its keys
MOST_LISTS = 20_000  # of a larger catalogue: beyond, asking for all of them takes hours
TIES = 1  # seed of the order of what is equally related, and of the lists that are asked for

Reals = NDArray[np.float64]


class ItemListNumbers(NamedTuple):
    """A row a pair of (seed, next positive), and what holds for all lists."""

    user: Ints
    hit: Flags  # the next positive is in the first k of the seed's list
    worth: Reals  # 1 / positives of the next positive in the test: each item is worth about the same
    mrr: float  # 1 / place, 0 where it is not in the first k
    coverage: float  # share of the items that are in somebody's first k
    hub: float  # share of the lists that the item of most lists is in

    @property
    def hit_rate(self) -> float:
        """0 where nothing was asked."""
        return float(self.hit.mean()) if len(self.hit) else 0.0

    @property
    def ips_hit_rate(self) -> float:
        """sum(worth * hit) / sum(worth): what is shown much counts no more than what is shown little."""
        return float(self.worth @ self.hit / self.worth.sum()) if len(self.hit) else 0.0


class Pairs(NamedTuple):
    """What was asked, a row a seed: the viewer, the item, and the next other item of the session that was positive."""

    user: Ints
    seed: Ints
    following: Ints


def measure(model: Model, known: Known, test: Interactions, k: int = 10) -> ItemListNumbers:
    """Ask a fitted model for the list of each item.  Raises ValueError where a score is not finite.

    Where there are more than MOST_LISTS items, coverage and hub are of that many seeds, drawn by chance; pairs of
    others are left out.  Seeds are the test's positives.  The numbers that were published for the sample log (hit@10
    .095, IPS .073) are reproduced by this definition on the whole log, lists made of `sequences`.
    """
    asked = pairs(test)
    rows = _rows(asked.seed, known.items)
    asked = Pairs(*(column[np.isin(asked.seed, rows)] for column in asked))
    lists = _lists(model, rows, known.items, k)
    place = _places(lists[np.searchsorted(rows, asked.seed)], asked.following)
    popularity = np.bincount(test.item[test.positive], minlength=known.items)
    full = lists[(lists != NOTHING).any(axis=1)]
    listed = np.bincount(full[full != NOTHING], minlength=known.items)
    return ItemListNumbers(
        user=asked.user,
        hit=place > 0,
        worth=1 / popularity[asked.following],
        mrr=float(np.mean(np.divide(1, place, out=np.zeros(len(place)), where=place > 0))) if len(place) else 0.0,
        coverage=float((listed > 0).mean()) if known.items else 0.0,
        hub=float(listed.max() / len(full)) if len(full) else 0.0,
    )


def pairs(test: Interactions) -> Pairs:
    """Each positive and the next positive of another item in its session, where there is one.

    Sessions are the log's; entries of -1 are cut where the viewer was silent for half an hour.
    """
    sorted_ = _by_session(test)
    glad = sorted_.where(sorted_.positive)
    following = _next_run(glad)
    found = following < len(glad)
    found[found] = glad.session[following[found]] == glad.session[found]
    return Pairs(glad.user[found], glad.item[found], glad.item[following[found]])


def _next_run(glad: Interactions) -> Ints:
    """Of each entry the next one with another item or session, len(glad) where there is none: runs may be long."""
    changes = (glad.item[1:] != glad.item[:-1]) | (glad.session[1:] != glad.session[:-1])
    begins = np.append(np.flatnonzero(changes) + 1, len(glad))
    return np.asarray(begins[np.searchsorted(begins, np.arange(len(glad)), side="right")])


def _by_session(log: Interactions) -> Interactions:
    """By session and time; every entry has a session, no two viewers have the same."""
    apart = sessions.of_viewers(log.user, log.session)
    unknown = apart == sessions.UNKNOWN
    by_silence = sessions.by_silence(log.user[unknown], log.ts_ms[unknown])
    apart[unknown] = by_silence + int(apart.max(initial=-1)) + 1
    return replace(log, session=apart).where(np.lexsort((log.ts_ms, apart)))


def _rows(seeds: Ints, items: int) -> Ints:
    """Whose lists are asked for, ascending: all there are, or as many of the seeds as can be."""
    if items <= MOST_LISTS:
        return np.arange(items)
    asked = np.unique(seeds)
    return np.sort(np.random.default_rng(TIES).permutation(asked)[:MOST_LISTS])


def _lists(model: Model, asked: Ints, items: int, k: int) -> Ints:
    """(asked, min(k, items)) the best of each list, NOTHING where it is shorter."""
    chance = ranking.chances(items, TIES)
    blocks = [np.zeros((0, min(k, items)), np.int64)]
    for rows in _blocks(asked, items):
        scores = model.related(rows)
        best = ranking.best(scores, csr_matrix(scores.shape), k, chance)
        best[np.take_along_axis(scores, best, axis=1) <= 0] = NOTHING
        blocks.append(best)
    return np.concatenate(blocks)


def _blocks(asked: Ints, items: int) -> Iterator[Ints]:
    step = max(1, SCORES_AT_ONCE // max(1, items))
    return (asked[begin : begin + step] for begin in range(0, len(asked), step))


def _places(lists: Ints, wanted: Ints) -> Ints:
    """From 1 on where each row's list has what is wanted; 0 where it has not."""
    hit = lists == wanted[:, None]
    return np.where(hit.any(axis=1), hit.argmax(axis=1) + 1, 0) if lists.shape[1] else np.zeros(len(lists), np.int64)
