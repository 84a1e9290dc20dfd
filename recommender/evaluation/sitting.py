"""A model sits its exams: fitted once, asked about each part, and everything that is told of it."""

from __future__ import annotations

import time

import msgspec
import numpy as np
from scipy.sparse import csr_matrix

from recommender.evaluation import kept
from recommender.evaluation.exam import exam
from recommender.evaluation.item_lists import measure
from recommender.evaluation.kept import Plan
from recommender.evaluation.measures import marks
from recommender.evaluation.numbers import Numbers, listed, numbers
from recommender.evaluation.ranking import NOTHING, best, chances
from recommender.interactions import Interactions, Ints, Known
from recommender.models.model import Model

POINTS = 60  # of a curve


class Sitting(msgspec.Struct, frozen=True):
    """All that is told of a model; times are of the fit unless they say otherwise."""

    on: dict[str, Numbers]  # by part
    fit_seconds: float
    cpu_seconds: float
    score_seconds: float  # to be asked, all parts, item lists too; on the clock
    peak_mb: float  # of the whole process: interpreter, log, model, a block of scores
    curve: list[tuple[int, float]]  # the n most shown items have this share of all places
    samples: list[list[int]]  # what goes with the plan's samples, best first


def sit(model: Model, plan: Plan, train: Interactions, exams: dict[str, Interactions]) -> Sitting:
    """Fit once, ask about each part."""
    known = kept.known_of(plan, train)
    began, began_cpu = time.perf_counter(), time.process_time()
    model.fit(known)
    fitted, fitted_cpu = time.perf_counter(), time.process_time()
    on, shown = {}, np.zeros(plan.items, np.int64)
    for part, log in exams.items():
        on[part], shown = _asked(model, plan, known, log)  # the last one's is shown: the test's
    return Sitting(
        on=on,
        fit_seconds=round(fitted - began, 3),
        cpu_seconds=round(fitted_cpu - began_cpu, 3),
        score_seconds=round(time.perf_counter() - fitted, 3),
        peak_mb=0,
        curve=curve(shown),
        samples=_samples(model, plan),
    )


def _asked(model: Model, plan: Plan, known: Known, log: Interactions) -> tuple[Numbers, Ints]:
    """Numbers of a part, and how often each item was in the longest lists."""
    questions = exam(known, log, plan.most, plan.seed)
    found = marks(model, known, questions, plan.asked.ks, plan.seed)
    told = numbers(found, plan.asked.names, plan.seed)
    if plan.asked.lists:
        mine = log.where(np.isin(log.user, questions.users))
        told = listed(told, measure(model, known, mine), plan.asked.names, plan.seed)
    return told, found.shown[-1]


def curve(shown: Ints) -> list[tuple[int, float]]:
    """(n, share of all places that the n most shown have), n from 1 to all, evenly on a logarithmic scale."""
    if not shown.sum():
        return []
    share = np.cumsum(np.sort(shown)[::-1]) / shown.sum()
    at = np.unique(np.geomspace(1, len(shown), POINTS).round().astype(int))
    return list(zip(at.tolist(), share[at - 1].round(6).tolist(), strict=True))


def _samples(model: Model, plan: Plan) -> list[list[int]]:
    if not plan.samples:
        return []
    rows = np.array(plan.samples)
    itself = csr_matrix((np.ones(len(rows)), (np.arange(len(rows)), rows)), shape=(len(rows), plan.items))
    scores = model.related(rows)
    lists = best(scores, itself, 10, chances(plan.items, plan.seed))
    return [
        [item for item in line if item != NOTHING and scores[row, item] > 0] for row, line in enumerate(lists.tolist())
    ]
