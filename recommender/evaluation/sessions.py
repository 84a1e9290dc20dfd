"""What a viewer did in one go: as the log says, else until half an hour of silence."""

from __future__ import annotations

import numpy as np

from recommender.interactions import Ints

SILENCE_MS = 30 * 60_000  # what web analytics call a session; facts of KuaiRand were measured with it
UNKNOWN = -1


def by_silence(user: Ints, ts_ms: Ints) -> Ints:
    """A number for each entry, from 0 on: the same as long as the viewer is never silent for half an hour."""
    order = np.lexsort((ts_ms, user))
    begins = np.ones(len(order), bool)
    begins[1:] = (np.diff(user[order]) != 0) | (np.diff(ts_ms[order]) >= SILENCE_MS)
    session = np.empty(len(order), np.int64)
    session[order] = np.cumsum(begins) - 1
    return session


def of_viewers(user: Ints, session: Ints) -> Ints:
    """Sessions of a log that numbers them anew for each viewer, told apart; UNKNOWN stays."""
    known = session != UNKNOWN
    apart = np.full(len(session), UNKNOWN, np.int64)
    if known.any():
        span = int(session.max()) + 1
        apart[known] = np.unique(user[known] * span + session[known], return_inverse=True)[1]
    return apart
