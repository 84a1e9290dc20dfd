"""What came of an exam, a row a viewer, and the numbers that rows add up to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.evaluation import ranking
from recommender.evaluation.exam import Exam
from recommender.interactions import Flags, Floats, Ints, Known
from recommender.models.model import Model

SCORES_AT_ONCE = 4_000_000  # a block of viewers: about 120 MB with its keys and places

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Marks:
    """A row a viewer, a column one of `ks`."""

    ks: tuple[int, ...]
    wanted: Ints  # how many positives there were to find
    right: Reals  # how many of them are in the first k
    gain: Reals  # binary NDCG
    news: Reals  # sum of the self-information of the first k, in bits
    named: Reals  # how many the first k are: fewer where the catalogue ends
    auc: Reals  # (viewers,) of positives among exposures, NaN where there are not both
    shown: Ints  # (ks, items): in how many first k
    history: Flags


def marks(model: Model, known: Known, exam: Exam, ks: Sequence[int], seed: int) -> Marks:
    """Ask the model, a block of viewers at a time.  Raises ValueError where a score is not finite."""
    ks = tuple(sorted(set(ks)))
    bits, chance = self_information(known), ranking.chances(known.items, seed)
    shown = np.zeros((len(ks), known.items), np.int64)
    rows: list[tuple[Reals, ...]] = []
    step = max(1, SCORES_AT_ONCE // max(1, known.items))
    for begin in range(0, len(exam.users), step):
        block = slice(begin, begin + step)
        scores = model.scores(exam.users[block])
        lists = ranking.best(scores, exam.watched[block], ks[-1], chance)
        found = _found(lists, exam.wanted[block])
        rows.append((*_sums(found, lists, exam.wanted[block], bits, ks), aucs(scores, exam, block)))
        for number, k in enumerate(ks):
            head = lists[:, :k]
            shown[number] += np.bincount(head[head != ranking.NOTHING], minlength=known.items)
    right, gain, news, named, auc = (np.concatenate(column) for column in zip(*rows, strict=True))
    wanted = np.diff(exam.wanted.indptr).astype(np.int64)
    return Marks(ks, wanted, right, gain, news, named, auc, shown, exam.history)


def self_information(known: Known) -> Reals:
    """Bits an item: how surprising it is that a viewer with a history has watched it, one viewer more than did."""
    watchers = np.bincount(known.watched.indices, minlength=known.items)
    viewers = int((np.diff(known.watched.indptr) > 0).sum())
    return np.asarray(np.log2((viewers + 1) / (watchers + 1)))


def _found(lists: Ints, wanted: csr_matrix) -> Flags:
    """(rows, places): a positive stands there."""
    hit = np.take_along_axis(wanted.toarray(), np.maximum(lists, 0), axis=1) > 0
    return np.asarray(hit & (lists != ranking.NOTHING))


def _sums(found: Flags, lists: Ints, wanted: csr_matrix, bits: Reals, ks: Sequence[int]) -> tuple[Reals, ...]:
    """Right, gain, news and named of the first k."""
    named = lists != ranking.NOTHING
    right, gain = gains(found, np.diff(wanted.indptr), ks)
    news, count = (
        upto(each, ks) for each in (np.where(named, bits[np.maximum(lists, 0)], 0), named.astype(np.float64))
    )
    return right, gain, news, count


def gains(found: Flags, wanted: Ints, ks: Sequence[int]) -> tuple[Reals, Reals]:
    """Right ones and binary NDCG of the first k: a row a viewer, a column one of `ks` (ascending).

    `found` (rows, places) says where a positive stands, `wanted` (rows,) how many there were to find, 1 at least.
    """
    worth = 1 / np.log2(np.arange(found.shape[1]) + 2)
    ideal = np.append(0, np.cumsum(1 / np.log2(np.arange(ks[-1]) + 2)))  # also where the catalogue is shorter than k
    most = np.minimum(wanted[:, None], np.asarray(ks))
    return upto(found, ks), np.asarray(upto(found * worth, ks) / ideal[most])


def upto(each: NDArray[Any], ks: Sequence[int]) -> Reals:
    """Sums of the first k places of (rows, places), one at least, a column one of `ks`."""
    ends = [min(k, each.shape[1]) - 1 for k in ks]
    return np.asarray(np.cumsum(each, axis=1, dtype=np.float64)[:, ends])


def aucs(scores: Floats, exam: Exam, block: slice) -> Reals:
    """A viewer's chance that a positive is above what they were shown besides, equal scores counting half."""
    good, other = exam.wanted[block], exam.shown[block]
    row = np.concatenate([_row(good), _row(other)])
    score = scores[row, np.concatenate([good.indices, other.indices])]
    return auc(row, score, np.arange(len(row)) < good.nnz, good.shape[0])


def auc(row: Ints, score: Floats, positive: Flags, rows: int) -> Reals:
    """(rows,) the same of entries: each with its row, its score, and whether the viewer was glad of it.

    NaN for a row that has not both.
    """
    goods = np.bincount(row[positive], minlength=rows).astype(float)
    pairs = goods * np.bincount(row[~positive], minlength=rows)
    place = _places(row, score)[positive]
    above = np.bincount(row[positive], weights=place, minlength=rows) - goods * (goods + 1) / 2
    found: Reals = np.divide(above, pairs, out=np.full(rows, np.nan), where=pairs > 0)
    return found


def _row(matrix: csr_matrix) -> Ints:
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def _places(row: Ints, score: Floats) -> Reals:
    """Places from 1 up within a row; equal scores share the middle one."""
    order = np.lexsort((score, row))
    row, score = row[order], score[order]
    begins_row = np.append(True, row[1:] != row[:-1])[: len(row)]
    begins = np.append(True, (row[1:] != row[:-1]) | (score[1:] != score[:-1]))[: len(row)]
    begin = np.flatnonzero(begins)
    middle = (begin + np.append(begin[1:], len(row)) - 1) / 2
    of_row = np.flatnonzero(begins_row)[np.cumsum(begins_row) - 1]
    places = np.empty(len(row))
    places[order] = middle[np.cumsum(begins) - 1] - of_row + 1
    return places
