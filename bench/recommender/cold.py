"""A drama that nobody has watched: to whom should it be shown?  By content, by its first watchers, and by both.

    OPENBLAS_NUM_THREADS=1 python -m bench.recommender.cold FOLDER [--items test] [--seed 7]

300 dramas with at least 100 watchers are taken out of the log, all their watches with them, and one plain ALS learns
from the rest (for the lists at the end the frequency-scaled one, as in the job).  Then each of them is asked for: the
chance (AUC) that somebody who watched it is above somebody who did not, by activity alone, by what content foretells
(recommender/learning/content.py), by the vector of its first k watchers, drawn by chance, and by the blend of the two;
the mean over dramas.  And the other way round, over viewers.  Whose watch was used is not asked.
Last, "also watched" of a drama that nobody has watched: of lists of ten by its tags, by the cosine of content vectors,
and by both, the share of its watchers who watched a listed one; and how many times everybody's share that is.
Settings are chosen on the 300 of `validation` (--choose); those of `test` are others, to be looked at once.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.stats import rankdata

from bench.recommender import kuairand
from domain.catalogue import Catalogue, Drama
from juliu.demo import catalogue as demo
from recommender.learning import als, content
from recommender.learning.content import Content
from recommender.learning.weights import WEIGHTS, Weights

HELD, LEAST_WATCHERS = 300, 100
RELATIVE = 0.2  # regularisation of the one fit
FIRST = (1, 3, 5, 10, 20, 50)  # watchers
RIDGES, TRUSTS = (0.01, 0.1, 1.0, 10.0), (0.1, 0.3, 1.0, 8.0)
Floats = NDArray[np.float32]


def read(folder: Path) -> tuple[csr_matrix, list[dict[str, object]]]:
    """Who watched what (a column a dense index), and what the catalogue says of each drama."""
    sample = kuairand.read(folder)
    log = sample.before(2**62)
    log = log.where(log.weight > 0)
    shape = (sample.users, sample.items + 1)
    watched = csr_matrix((np.ones(len(log.user), np.float32), (log.user, log.item + 1)), shape=shape)
    watched.data[:] = 1
    return watched, list(demo.dramas(folder))


def catalogue_of(lines: Sequence[Mapping[str, object]], *fields: str) -> Catalogue:
    """Of these fields alone."""
    return Catalogue.of(
        Drama(
            drama_id=int(str(line["drama_id"])), index=int(str(line["drama_id"])),
            durations=[e["duration_ms"] for e in line["episodes"]] if "length" in fields else [],  # type: ignore[attr-defined]
            **{name: line[name] for name in fields if name != "length"},  # type: ignore[arg-type]
        )
        for line in lines
    )  # fmt: skip


def held_out(watched: csr_matrix, items: str, seed: int) -> NDArray[np.int64]:
    """300 dramas; those of validation and of test have none in common."""
    enough = np.flatnonzero(np.bincount(watched.indices, minlength=watched.shape[1]) >= LEAST_WATCHERS)
    drawn = np.random.default_rng(seed).permutation(enough)
    return drawn[:HELD] if items == "validation" else drawn[HELD : 2 * HELD]


class Asked:
    """The dramas that were taken out, their watchers in an order of chance, and what was learnt without them."""

    def __init__(self, watched: csr_matrix, held: NDArray[np.int64], seed: int) -> None:
        self.held = held
        rest = watched.tolil(copy=True)
        rest[:, held] = 0
        self.rest = csr_matrix(rest)
        self.rest.eliminate_zeros()
        columns, rng = watched.tocsc(), np.random.default_rng(seed)
        self.watchers = [rng.permutation(columns[:, drama].indices) for drama in held]
        self.factors = als.plain(self.rest, WEIGHTS, RELATIVE * als.largest_singular_value(self.rest))
        self.counts = np.bincount(self.rest.indices, minlength=watched.shape[1]).astype(np.float32)

    def folded(self, k: int) -> Floats:
        """Vectors of the held dramas by their first k watchers."""
        rows = np.repeat(np.arange(len(self.held)), k)
        users = np.concatenate([who[:k] for who in self.watchers])
        first = csr_matrix((np.ones(len(rows), np.float32), (rows, users)), shape=(len(self.held), self.rest.shape[0]))
        return als.later(first, self.factors.viewers, self.factors.parts)

    def blended(self, told: Content, k: int, weights: Weights) -> Floats:
        """Vectors of the held dramas as the job would have them, after k watchers."""
        learnt, counts = self.factors.dramas.copy(), self.counts.copy()
        learnt[self.held], counts[self.held] = self.folded(k) if k else 0, k
        return content.vectors(told, learnt, counts, weights)[self.held]

    def auc(self, vectors: Floats, skipped: int = 0) -> float:
        """The mean over dramas; a drama's first `skipped` watchers are not asked."""
        return float(np.mean([self._auc(self.factors.viewers @ v, n, skipped) for n, v in enumerate(vectors)]))

    def among(self, vectors: Floats, skipped: int = 0) -> float:
        """The other way round: which of the held dramas a viewer watched, the mean over viewers who watched any."""
        right, told = (np.zeros((self.rest.shape[0], len(self.held)), bool) for _ in range(2))
        for number, who in enumerate(self.watchers):
            right[who[skipped:], number], told[who[:skipped], number] = True, True
        asked = right.any(axis=1)
        right, told = right[asked], told[asked]
        scores = self.factors.viewers[asked] @ vectors.T
        scores[told] = -np.inf  # below all that is asked
        some, known = right.sum(axis=1), told.sum(axis=1)
        above = (rankdata(scores, axis=1) * right).sum(axis=1) - some * (some + 1) / 2 - some * known
        return float(np.mean(above / (some * (right.shape[1] - some - known))))

    def of_activity(self) -> float:
        """By how much everybody watches."""
        activity = np.diff(self.rest.indptr).astype(np.float32)
        return float(np.mean([self._auc(activity, n, 0) for n in range(len(self.held))]))

    def _auc(self, scores: Floats, number: int, skipped: int) -> float:
        who = self.watchers[number]
        kept = np.ones(len(scores), bool)
        kept[who[:skipped]] = False
        right = np.zeros(len(scores), bool)
        right[who[skipped:]] = True
        ranks, right = rankdata(scores[kept]), right[kept]
        some = int(right.sum())
        return float((ranks[right].sum() - some * (some + 1) / 2) / (some * (len(ranks) - some)))


def lists(asked: Asked, told: Content) -> Iterator[tuple[str, Floats]]:
    """Scores (held dramas, dramas) of lists for dramas without watchers."""
    names = csr_matrix(told.tags.multiply(1 / np.maximum(np.sqrt(told.tags.sum(axis=1)), 1)))
    tagged = best_is_1((names[asked.held] @ names.T).toarray() * asked.counts, asked)
    learnt, counts = als.frequency_scaled(asked.rest, WEIGHTS).dramas.copy(), asked.counts
    learnt[asked.held] = 0
    vectors = content.vectors(told, learnt, counts, WEIGHTS)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1), 1e-9)[:, None]
    alike = best_is_1(vectors[asked.held] @ vectors.T, asked)
    yield "the most watched", best_is_1(np.tile(asked.counts, (len(asked.held), 1)), asked)
    yield "tags x watchers", tagged
    yield "content vectors", alike
    yield "both", tagged + alike


def best_is_1(scores: Floats, asked: Asked) -> Floats:
    """Each row's; nothing that nobody watched."""
    scores = np.maximum(scores, 0) * (asked.counts > 0)
    scaled: Floats = scores / np.maximum(scores.max(axis=1, keepdims=True), 1e-9)
    return scaled


def listed(asked: Asked, scores: Floats) -> str:
    """How many of a held drama's watchers watched what its list names, and how that is beside everybody."""
    top = np.argsort(-scores, axis=1)[:, :10]
    shares = np.array(
        [np.asarray(asked.rest[who][:, row].mean(axis=0)).ravel() for who, row in zip(asked.watchers, top, strict=True)]
    )
    everybody = asked.counts / asked.rest.shape[0]
    return f"{shares.mean():.3f} | {(shares / np.maximum(everybody[top], 1e-9)).mean():.2f} | {len(np.unique(top))}"


ALL = ("category", "tags", "cast", "length")


def choose(asked: Asked, lines: Sequence[Mapping[str, object]]) -> None:
    """What settings and fields are worth."""
    told = Content.of(catalogue_of(lines, *ALL), len(asked.counts))
    for ridge in RIDGES:
        weights = msgspec.structs.replace(WEIGHTS, content_ridge=ridge)
        print(f"ridge {ridge:g}: {asked.auc(asked.blended(told, 0, weights)):.4f}", flush=True)
    for trust in TRUSTS:
        weights = msgspec.structs.replace(WEIGHTS, content_trust=trust)
        found = [(asked.auc(v, k), asked.among(v, k)) for k in FIRST for v in (asked.blended(told, k, weights),)]
        print(f"trust {trust:g}:", *(f"{one:.4f} / {other:.4f}" for one, other in found), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", choices=("validation", "test"), default="validation")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--choose", action="store_true", help="also try settings")
    options = parser.parse_args()
    watched, lines = read(options.folder)
    asked = Asked(watched, held_out(watched, options.items, options.seed), options.seed)
    print("| nobody has watched it | to whom | which of the 300 |\n|---|---|---|")
    print(f"| activity alone | {asked.of_activity():.3f} | |")
    for fields in (("category", "tags"), ("cast",), ("length",), ALL):
        told = Content.of(catalogue_of(lines, *fields), len(asked.counts))
        vectors = asked.blended(told, 0, WEIGHTS)
        print(f"| content: {', '.join(fields)} | {asked.auc(vectors):.3f} | {asked.among(vectors):.3f} |", flush=True)
    began = time.process_time()
    asked.blended(told, 0, WEIGHTS)
    print(f"(the ridge and all vectors: {time.process_time() - began:.2f} CPU-s)")
    print(f"\n| after k watchers: to whom / which | {' | '.join(map(str, FIRST))} |")
    for name, found in (
        ("their vector alone", [asked.folded(k) for k in FIRST]),
        ("blend", [asked.blended(told, k, WEIGHTS) for k in FIRST]),
    ):
        cells = (f"{asked.auc(v, k):.3f} / {asked.among(v, k):.3f}" for k, v in zip(FIRST, found, strict=True))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print("\n| its list | of its watchers | of everybody's share, times | different dramas |\n|---|---|---|---|")
    for name, scores in lists(asked, told):
        print(f"| {name} | {listed(asked, scores)} |", flush=True)
    if options.choose:
        choose(asked, lines)


if __name__ == "__main__":
    main()
