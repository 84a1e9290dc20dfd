"""All that is measured of one training before anything of it is published."""

from __future__ import annotations

from infra import logs
from recommender.learning.model import Recommendations, train
from recommender.learning.snapshot import Snapshot
from recommender.learning.weights import Weights
from recommender.training.day import Span, last_full_day
from recommender.training.exam import examine
from recommender.training.measured import Measured, absent
from recommender.training.order import Order
from recommender.training.reach import reach, volume
from recommender.training.source import Source

HOUR_MS = 3_600_000
USUAL_DAYS = 7  # before the last full one: a week has each kind of day

log = logs.get(__name__)


def evidence(source: Source, known: Snapshot, made: Recommendations, weights: Weights, order: Order) -> Measured:
    """Of `made`, which was learnt from `known`, and of its like that knew nothing of the last full day.

    Raises ClickHouseError, ValueError (see Source).
    """
    limits = order.limits
    counts = source.volume(known.as_of_ms, USUAL_DAYS + 1)
    quality = _examined(source, last_full_day(known.as_of_ms), weights, order)
    return quality | reach(made, known.watches, known.as_of_ms, limits) | volume(counts, limits)


def _examined(source: Source, day: Span, weights: Weights, order: Order) -> Measured:
    before = source.snapshot(day.from_ms, weights)
    if not len(before.watches):
        return absent("lists", f"nobody had watched anything before {day}, the last full day")
    hours = (day.from_ms - int(before.watches.at_ms.min())) // HOUR_MS
    if hours < order.limits.learnt_hours:
        why = f"what was watched before {day}, the last full day, goes back {hours} hours"
        return absent("lists", f"{why}; {order.limits.learnt_hours} are needed")
    shown = source.day(day, weights)
    log.info("examining", day=str(day), watches=len(before.watches), shown=len(shown))
    return examine(train(before, weights, order.catalogue), before, shown, weights, order.limits)
