"""Whether lists were right: the share of viewers who went on to watch one of the dramas that they were given."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import TypeAlias

from juliu.demo.log import Exposure, WatchLog

VIEWERS = 1_000
LENGTH = 10  # dramas in each list
Lists: TypeAlias = Mapping[int, Sequence[int]]  # viewer -> dramas, best first
Watched: TypeAlias = Mapping[int, Set[int]]  # viewer -> dramas


def watched(exposures: Iterable[Exposure]) -> dict[int, set[int]]:
    """What each viewer played at all."""
    out: dict[int, set[int]] = {}
    for shown in exposures:
        if shown.play_ms:
            out.setdefault(shown.user_id, set()).add(shown.drama_id)
    return out


def last_watched(before: WatchLog) -> dict[int, int]:
    """The drama that each viewer played last; `before` is in order of time."""
    played = before.where(before.play_ms > 0)
    return dict(zip(played.user_id.tolist(), played.drama_id.tolist(), strict=True))


def sample(viewers: Iterable[int], seed: int = 0, count: int = VIEWERS) -> list[int]:
    """`count` viewers, or all where there are fewer; the same ones every time."""
    known = sorted(viewers)
    return sorted(random.Random(seed).sample(known, min(count, len(known))))  # noqa: S311 - a sample, no secret


def hit_rate(viewers: Sequence[int], lists: Lists, truth: Watched) -> float:
    """Share of `viewers` of whose first LENGTH dramas at least one is true; a viewer without a list is a miss."""
    hit = sum(not truth[viewer].isdisjoint(lists.get(viewer, ())[:LENGTH]) for viewer in viewers)
    return hit / len(viewers) if viewers else 0.0
