"""What a model is worth on a block of days that it does not know."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csr_matrix
from scipy.stats import rankdata

from recommender.interactions import Floats, Interactions, Ints

AT_ONCE = 2_048  # viewers whose scores of all items are dense
DEPTH, SHORT = (50, 100, 200), 20


@dataclass(frozen=True)
class Block:
    """What is asked for: positives not in `seen`, and all exposures, one a viewer and item.

    Viewers without a history are misses in recall and NDCG, and left out of uAUC.
    """

    wanted: csr_matrix  # (users, items) 1 where something unseen was positive
    exposed: csr_matrix
    liked: csr_matrix  # of the exposed
    seen: csr_matrix

    @property
    def viewers(self) -> Ints:
        """Those of whom something is asked."""
        return np.flatnonzero(np.diff((self.wanted + self.exposed).indptr))


def block(log: Interactions, seen: csr_matrix) -> Block:
    """Of exposures after all that is `seen` (users, items)."""
    exposed, liked = (_matrix(log, kept, seen.shape) for kept in (np.ones(len(log), bool), log.positive))
    wanted = csr_matrix(liked - liked.multiply(seen))
    wanted.eliminate_zeros()
    return Block(wanted, exposed, liked, seen)


def _matrix(log: Interactions, kept: np.ndarray, shape: tuple[int, int]) -> csr_matrix:
    found = csr_matrix((np.ones(int(kept.sum()), np.float32), (log.user[kept], log.item[kept])), shape=shape)
    found.sum_duplicates()
    found.data[:] = 1
    return found


@dataclass
class Found:
    """Sums over viewers."""

    wanted: int = 0
    wanted_of_known: int = 0  # of viewers with a history
    hits: dict[int, int] = field(default_factory=lambda: dict.fromkeys(DEPTH, 0))
    recall: list[float] = field(default_factory=list)
    ndcg: list[float] = field(default_factory=list)
    auc: list[float] = field(default_factory=list)
    listed: set[int] = field(default_factory=set)

    def told(self, items: int) -> dict[str, float]:
        """Measures by name."""
        micro = {f"micro-recall@{k}": hits / max(1, self.wanted) for k, hits in self.hits.items()}
        rest = {
            f"recall@{SHORT}": _mean(self.recall), f"ndcg@{SHORT}": _mean(self.ndcg), "uauc": _mean(self.auc),
            f"coverage@{SHORT}": len(self.listed) / max(1, items),
        }  # fmt: skip
        return micro | rest


def _mean(values: list[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def measure(scores: Callable[[Ints], Floats], asked: Block, into: Found | None = None) -> Found:
    """Rank all unseen items for each viewer of a block by `scores` of (viewers, items)."""
    found = into or Found()
    history = np.diff(asked.seen.indptr) > 0
    viewers = asked.viewers
    nobody = asked.wanted[viewers[~history[viewers]]]
    found.wanted += int(nobody.nnz)
    absent = int((np.diff(nobody.indptr) > 0).sum())
    found.recall += [0.0] * absent
    found.ndcg += [0.0] * absent
    for some in _batches(viewers[history[viewers]]):
        _rank(np.array(scores(some), np.float32), some, asked, found)
    return found


def _batches(viewers: Ints) -> Iterator[Ints]:
    return (viewers[start : start + AT_ONCE] for start in range(0, len(viewers), AT_ONCE))


def _rank(scores: Floats, viewers: Ints, asked: Block, found: Found) -> None:
    for row, viewer in enumerate(viewers):
        found.auc += _auc(scores[row, _of(asked.exposed, viewer)], _of(asked.exposed, viewer), _of(asked.liked, viewer))
        scores[row, _of(asked.seen, viewer)] = -np.inf
    depth = min(max(DEPTH), scores.shape[1] - 1)
    some = np.argpartition(-scores, depth, axis=1)[:, :depth]
    order = np.argsort(-np.take_along_axis(scores, some, 1), axis=1, kind="stable")
    for top, viewer in zip(np.take_along_axis(some, order, 1), viewers, strict=True):
        found.listed.update(top[:SHORT].tolist())
        _count(top, _of(asked.wanted, viewer), found)


def _count(top: Ints, wanted: Ints, found: Found) -> None:
    if not len(wanted):
        return
    hit = np.isin(top, wanted)
    found.wanted += len(wanted)
    found.wanted_of_known += len(wanted)
    for k in DEPTH:
        found.hits[k] += int(hit[:k].sum())
    found.recall.append(float(hit[:SHORT].sum()) / len(wanted))
    worth = 1 / np.log2(np.arange(2, SHORT + 2))
    found.ndcg.append(float(worth @ hit[:SHORT] / worth[: len(wanted)].sum()))


def _auc(scores: Floats, items: Ints, liked: Ints) -> list[float]:
    """That of one viewer, of whom something exposed was positive and something was not; otherwise none."""
    glad = np.isin(items, liked)
    positives, rest = int(glad.sum()), int((~glad).sum())
    if not positives or not rest:
        return []
    ranks = rankdata(scores)
    return [float((ranks[glad].sum() - positives * (positives + 1) / 2) / (positives * rest))]


def _of(matrix: csr_matrix, row: int) -> Ints:
    found: Ints = matrix.indices[matrix.indptr[row] : matrix.indptr[row + 1]].astype(np.int64)
    return found


@dataclass
class Cost:
    """CPU-seconds of this process and its threads in a `with`; peak_mb is of the process so far."""

    cpu_s: float = 0.0

    def __enter__(self) -> Cost:
        self._began = time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu_s = time.process_time() - self._began

    @property
    def peak_mb(self) -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
