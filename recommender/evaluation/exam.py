"""What a model is asked: of which viewers, what they were glad of afterwards, and what else they were shown."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

from recommender.interactions import Flags, Interactions, Ints, Known


@dataclass(frozen=True)
class Exam:
    """A row a viewer that is asked about.  What was watched in training is neither asked for nor an answer."""

    users: Ints  # ascending
    wanted: csr_matrix  # (len(users), items): positive afterwards
    shown: csr_matrix  # (len(users), items): exposed to it afterwards, and not glad of it
    watched: csr_matrix  # (len(users), items): in training

    @property
    def history(self) -> Flags:
        """Who has one; the others are strangers."""
        return np.asarray(np.diff(self.watched.indptr) > 0)


def exam(known: Known, test: Interactions, most: int, seed: int) -> Exam:
    """Viewers with something to ask for; of more than `most` (0: any number) as many by chance, seeded."""
    wanted = _unwatched(known, test.where(test.positive))
    users = np.flatnonzero(np.diff(wanted.indptr))
    if 0 < most < len(users):
        users = np.sort(np.random.default_rng(seed).choice(users, most, replace=False))
    wanted = wanted[users]
    shown = _unwatched(known, test.where(~test.positive))[users]
    shown = shown - shown.multiply(wanted)  # shown twice, glad of it once
    shown.eliminate_zeros()
    return Exam(users, wanted, csr_matrix(shown), known.watched[users])


def _unwatched(known: Known, asked: Interactions) -> csr_matrix:
    """(users, items), 1 where there is an entry, but not in training."""
    ones = np.ones(len(asked), np.float32)
    found = csr_matrix((ones, (asked.user, asked.item)), shape=(known.users, known.items))
    found.sum_duplicates()
    found.data[:] = 1
    left = found - found.multiply(known.watched)
    left.eliminate_zeros()
    return csr_matrix(left)
