"""Fold-in: the lists of viewers who came or went on after a training, by the factors that it left."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.sparse import csr_matrix

from domain.catalogue import MAX_INDEX
from domain.recommendations import PER_VIEWER, Damaged
from recommender.learning.als import Factors, Part, later
from recommender.learning.personal import Vectors
from recommender.learning.signals import Floats

CHUNK = 1_000_000  # bytes: what Redis sends in one go
MAX_FACTORS = 1_024
MAX_PARTS = 16
VIEWERS_AT_ONCE = 4_096  # solved together, by what of the dramas has to be worked out once
SCORES_AT_ONCE = 4_000_000  # some 60 MB with what they are made of

_FORM = 2
_HEAD = struct.Struct("<HHII32s")  # form, parts, factors, dramas, SHA-256 of what follows: parts, then numbers
_PART = struct.Struct("<IfffHf")  # as the fields of Part


@dataclass(frozen=True)
class Folding:
    """What of a training is needed to make lists of later viewers; m dramas by dense index, d factors.

    A viewer's score of a drama is fresh * (viewer . drama) + crowd, as of the training; what has none is not listed.
    """

    dramas: Floats  # (m, d)
    fresh: Floats  # (m,)
    crowd: Floats  # (m,)
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, factors: Factors, vectors: Vectors) -> Self:
        """Of a training, whose lists were ordered by `vectors`.

        Raises ValueError where these are not the factors, each drama's scaled, and what is added for everybody.
        """
        base, leaning = factors.dramas, vectors.dramas[:, : factors.dramas.shape[1]]
        fresh = (leaning * base).sum(1) / np.maximum((base * base).sum(1), 1e-30)
        if vectors.dramas.shape[1] != base.shape[1] + 1 or not np.allclose(leaning, base * fresh[:, None], 1e-3, 1e-5):
            raise ValueError("lists were ordered by more than scaled factors and a crowd")
        crowd = vectors.dramas[:, -1]
        return cls(base, fresh.astype(np.float32), crowd, factors.parts)

    def viewers(self, matrix: csr_matrix) -> Floats:
        """(n, d): the least-squares solution of each row of confidences >= 0 against the dramas' factors, as they are.

        It is where als.fit takes a viewer with these confidences; an empty row is 0.
        """
        return later(csr_matrix(matrix, dtype=np.float32), self.dramas, self.parts)

    def lists(self, matrix: csr_matrix, never: csr_matrix, discount: csr_matrix) -> Iterator[Floats]:
        """Each row's dense indexes, best first, at most PER_VIEWER; a row of each matrix a viewer, a column a drama.

        Nothing of which `never` has an entry; `discount` (0..1) is what a score loses.
        """
        for some in _batches(matrix.shape[0], VIEWERS_AT_ONCE):
            vectors = self.viewers(matrix[some])
            for few in _batches(len(vectors), max(1, SCORES_AT_ONCE // len(self.dramas))):
                yield from map(best, self._scores(vectors[few], never[some][few], discount[some][few]))

    def _scores(self, vectors: Floats, never: csr_matrix, discount: csr_matrix) -> Floats:
        scores: Floats = vectors @ self.dramas.T * self.fresh + self.crowd
        scores -= csr_matrix(discount.multiply(np.maximum(scores, 0))).toarray()
        scores[never.nonzero()] = 0
        return scores

    def pack(self) -> list[bytes]:
        """As chunks of at most CHUNK bytes."""
        numbers = b"".join(part.astype("<f4").tobytes() for part in (self.dramas, self.fresh, self.crowd))
        body = b"".join(_PART.pack(*vars(part).values()) for part in self.parts) + numbers
        m, d = self.dramas.shape
        whole = _HEAD.pack(_FORM, len(self.parts), d, m, hashlib.sha256(body).digest()) + body
        return [whole[start : start + CHUNK] for start in range(0, len(whole), CHUNK)]

    @classmethod
    def unpack(cls, chunks: Sequence[bytes]) -> Self:
        """The inverse of pack.  Raises Damaged for what is not whole."""
        whole = b"".join(chunks)
        if len(whole) < _HEAD.size:
            raise Damaged("factors without a head")
        form, count, d, m, told = _HEAD.unpack_from(whole)
        if form != _FORM or not (0 < count <= MAX_PARTS and 0 < d <= MAX_FACTORS and m <= MAX_INDEX + 1):
            raise Damaged(f"factors of form {form}, {count} parts, {m} dramas by {d}")
        body = whole[_HEAD.size :]
        if len(body) != count * _PART.size + 4 * m * (d + 2) or hashlib.sha256(body).digest() != told:
            raise Damaged("factors that are not what was written")
        numbers = np.frombuffer(body, "<f4", offset=count * _PART.size).astype(np.float32)
        parts = tuple(_part(body, count * _PART.size))
        return cls(numbers[: m * d].reshape(m, d), numbers[m * d : m * (d + 1)], numbers[m * (d + 1) :], parts)


def _batches(rows: int, at_once: int) -> Iterator[slice]:
    return (slice(start, start + at_once) for start in range(0, rows, at_once))


def _part(body: bytes, end: int) -> Iterator[Part]:
    for columns, alpha, regularization, an_entry, flat, spread in _PART.iter_unpack(body[:end]):
        yield Part(columns, alpha, regularization, an_entry, bool(flat), spread)


def best(scores: Floats) -> Floats:
    """The highest above 0 of one row, as dense indexes u16; of equal ones the lowest index first."""
    count = min(PER_VIEWER, len(scores))
    some = np.argpartition(-scores, count - 1)[:count]
    some = some[scores[some] > 0]
    found: Floats = some[np.lexsort((some, -scores[some]))].astype(np.uint16)
    return found
