"""From marks to numbers by name, with intervals; strangers are misses, and it is told what they would change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from recommender.evaluation import interval
from recommender.evaluation.asked import LIST_K
from recommender.evaluation.item_lists import ItemListNumbers
from recommender.evaluation.measures import Marks, Reals
from recommender.interactions import Flags, Ints

SERVED = ("recall", "ndcg", "hit", "micro-recall")  # what a stranger who is missed gets 0 of

Ratio = tuple[Reals, Reals]  # a row a viewer: the number is the sum of the first by the sum of the second


class Numbers(msgspec.Struct, frozen=True):
    """By name; None where there is nothing to measure it on."""

    values: dict[str, float | None]
    intervals: dict[str, tuple[float, float] | None]  # of those that are made of viewers
    with_history: dict[str, float | None]  # strangers left out
    strangers_served: dict[str, float | None]  # strangers get what everybody gets, and it counts


def numbers(marks: Marks, names: Sequence[str], seed: int) -> Numbers:
    """Those names that marks can tell."""
    told = _ratios(marks)
    served = {name: told[name] for name in names if name in told}
    main = {name: _missed(name, each, marks.history) for name, each in served.items()}
    known = {name: (above[marks.history], below[marks.history]) for name, (above, below) in served.items()}
    covered = {f"coverage@{k}": _coverage(marks.shown[number]) for number, k in enumerate(marks.ks)}
    values = {name: ratio(*each) for name, each in main.items()} | covered
    return Numbers(
        {name: values[name] for name in names if name in values},
        intervals(main, seed),
        {name: ratio(*each) for name, each in known.items()},
        {name: ratio(*each) for name, each in served.items()},
    )


def ratio(above: Reals, below: Reals) -> float | None:
    """Sum by sum."""
    whole = float(below.sum())
    return float(above.sum()) / whole if whole else None


def intervals(ratios: Mapping[str, Ratio], seed: int) -> dict[str, tuple[float, float] | None]:
    """By name.  The same seed and as many viewers: the same draws."""
    if not ratios:
        return {}
    above, below = (np.column_stack(column) for column in zip(*ratios.values(), strict=True))
    return dict(zip(ratios, interval.interval(interval.drawn(above, below, seed)), strict=True))


def _ratios(marks: Marks) -> dict[str, Ratio]:
    ones, wanted = np.ones(len(marks.wanted)), marks.wanted.astype(np.float64)
    defined = ~np.isnan(marks.auc)
    found: dict[str, Ratio] = {"uauc": (np.where(defined, marks.auc, 0), defined.astype(np.float64))}
    for number, k in enumerate(marks.ks):
        right = marks.right[:, number]
        found |= {
            f"recall@{k}": (right / wanted, ones),
            f"ndcg@{k}": (marks.gain[:, number], ones),
            f"hit@{k}": ((right > 0).astype(np.float64), ones),
            f"micro-recall@{k}": (right, wanted),
            f"novelty@{k}": (marks.news[:, number], marks.named[:, number]),
        }
    return found


def _missed(name: str, each: Ratio, history: Flags) -> Ratio:
    """Without what strangers found; they stay among those who looked."""
    above, below = each
    return (above * history if name.split("@", maxsplit=1)[0] in SERVED else above), below


def _coverage(shown: Ints) -> float:
    """The share of all items that somebody was shown."""
    return float((shown > 0).mean())


def listed(numbers: Numbers, found: ItemListNumbers, names: Sequence[str], seed: int) -> Numbers:
    """The same with what was measured of "people also watched"; no viewer is a stranger there."""
    viewers, row = np.unique(found.user, return_inverse=True)
    worth, hit = found.worth.astype(np.float64), found.hit.astype(np.float64)

    def of_viewers(value: Reals) -> Reals:
        return np.bincount(row, value, minlength=len(viewers)).astype(np.float64)

    ratios: dict[str, Ratio] = {
        f"item-hit@{LIST_K}": (of_viewers(hit), of_viewers(np.ones(len(hit)))),
        f"item-ips-hit@{LIST_K}": (of_viewers(hit * worth), of_viewers(worth)),
    }
    values = {name: ratio(*each) for name, each in ratios.items()}
    whole = {"item-mrr": found.mrr, "item-coverage": found.coverage, "item-hub": found.hub}
    values |= {f"{name}@{LIST_K}": value if len(viewers) else None for name, value in whole.items()}
    measured = {name: each for name, each in ratios.items() if name in names and len(viewers)}
    return msgspec.structs.replace(
        numbers,
        values=numbers.values | {name: value for name, value in values.items() if name in names},
        intervals=numbers.intervals | intervals(measured, seed),
    )
