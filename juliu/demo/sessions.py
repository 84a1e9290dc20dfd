"""Sessions: what one viewer did without 30 minutes of silence."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SILENCE_MS = 30 * 60_000


def cut(user_ids: NDArray[np.int64], at_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """A session's number for each row, from 0; a viewer's next row SILENCE_MS or more later begins a new one."""
    order = np.lexsort((at_ms, user_ids))
    users, times = user_ids[order], at_ms[order]
    begins = np.ones(len(order), dtype=bool)
    begins[1:] = (users[1:] != users[:-1]) | (times[1:] - times[:-1] >= SILENCE_MS)
    numbers = np.empty(len(order), dtype=np.int64)
    numbers[order] = np.cumsum(begins) - 1
    return numbers


def last_of_each(numbers: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Marks the last row of each session; rows are in order of time."""
    last = np.zeros(len(numbers), dtype=bool)
    last[len(numbers) - 1 - np.unique(numbers[::-1], return_index=True)[1]] = True
    return last
