"""How sure a number is: bootstrap over viewers, the same draws for all that was measured on the same viewers."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

DRAWS = 1_000
SHARE = 95  # per cent of the draws lie in the interval
AT_ONCE = 4_000_000  # draws of a viewer held at once: 32 MB

Reals = NDArray[np.float64]


def drawn(numerators: Reals, denominators: Reals, seed: int, draws: int = DRAWS) -> Reals:
    """(draws, columns) of sum / sum over viewers drawn again and again; both are (viewers, columns).

    NaN where a draw's denominators add up to nothing.
    """
    both = np.hstack([numerators, denominators])
    sums = np.concatenate([counts @ both for counts in _counts(len(both), seed, draws)])
    above, below = np.hsplit(sums, 2)
    found: Reals = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return found


def interval(values: Reals) -> list[tuple[float, float] | None]:
    """The middle SHARE of each column's draws; None where there is none."""
    edge = (100 - SHARE) / 2
    found: list[tuple[float, float] | None] = []
    for column in values.T:
        known = column[~np.isnan(column)]
        ends = np.percentile(known, [edge, 100 - edge]) if len(known) else None
        found.append(None if ends is None else (float(ends[0]), float(ends[1])))
    return found


def _counts(viewers: int, seed: int, draws: int) -> Iterator[Reals]:
    """How often each viewer was drawn: blocks of rows, a row a draw of as many viewers as there are."""
    rng = np.random.default_rng(seed)
    step = max(1, AT_ONCE // max(1, viewers))
    for begin in range(0, draws, step):
        rows = min(step, draws - begin)
        chosen = rng.integers(0, viewers, (rows, viewers)) + np.arange(rows)[:, None] * viewers
        yield np.bincount(chosen.ravel(), minlength=rows * viewers).reshape(rows, viewers).astype(np.float64)
