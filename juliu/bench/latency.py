"""How long an event takes until it is counted and stored: what happened at a time, against the fences' progress.

Nothing inside the installation is asked for it: events carry the time at which they were due, the log tells their
offsets, and the fences, read every few milliseconds, tell when an offset was in the store.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

POLL_S = 0.004


@dataclass(frozen=True)
class Sample:
    """The fences of all partitions at one moment."""

    at_ms: float
    fences: Sequence[int]


@dataclass(frozen=True)
class Percentiles:
    """Of latencies, in milliseconds."""

    events: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    max_ms: float


def latencies_ms(samples: Sequence[Sample], partition: int, events: Sequence[tuple[int, int]]) -> list[float]:
    """For each (offset, due at ms) in the order of offsets: how long until a sample showed the fence at or past it.

    Raises ValueError where the samples end before.
    """
    out: list[float] = []
    moments = iter(samples)
    now = next(moments, None)
    for offset, due_ms in events:
        while now is not None and now.fences[partition] < offset:
            now = next(moments, None)
        if now is None:
            raise ValueError(f"partition {partition}: the samples end before offset {offset}")
        out.append(now.at_ms - due_ms)
    return out


def percentiles(latencies: Sequence[float]) -> Percentiles:
    """Nearest-rank percentiles; at least one latency."""
    ranked = sorted(latencies)

    def at(share: float) -> float:
        return round(ranked[math.ceil(share * len(ranked)) - 1], 1)

    return Percentiles(len(ranked), at(0.5), at(0.9), at(0.99), round(ranked[-1], 1))
