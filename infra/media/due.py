"""What of the queue is due: the step that a worker is handed next, and how many there are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from domain.media.steps import Step
from infra.media import rows
from infra.media.job import Depth, StepRow

_DUE = sa.text(
    f"SELECT {rows.STEP} FROM media_steps WHERE step = :step AND due_ms <= :now_ms"  # noqa: S608 - names of columns
    " ORDER BY due_ms LIMIT 1 FOR UPDATE SKIP LOCKED"
)
_DEPTH = sa.text("SELECT step, COUNT(*), MIN(due_ms) FROM media_steps WHERE due_ms <= :now_ms GROUP BY step")
_LEASED = sa.text("SELECT COUNT(*) FROM media_steps WHERE due_ms > :now_ms AND state = 'leased'")
_WAITING = sa.text("SELECT COUNT(*) FROM media_records")


def locked(connection: Connection, order: Sequence[Step], now_ms: int) -> StepRow | None:
    """The step that is due for longest, of the first kind in this order that has one; locked, waiting for nobody."""
    there = set(connection.scalars(_any_due(tuple(order)), {"now_ms": now_ms})) if order else set()
    due = (step.value for step in order if step.value in there)
    found = (connection.execute(_DUE, {"step": step, "now_ms": now_ms}).one_or_none() for step in due)
    return next((rows.step_of(row) for row in found if row is not None), None)


def depth(connection: Connection, now_ms: int) -> Depth:
    """How much there is to do."""
    now = {"now_ms": now_ms}
    due = {Step(step): (count, oldest) for step, count, oldest in connection.execute(_DEPTH, now)}
    leased, records = connection.scalar(_LEASED, now), connection.scalar(_WAITING)
    oldest_ms = min((oldest for _, oldest in due.values()), default=None)
    return Depth({step: count for step, (count, _) in due.items()}, leased or 0, oldest_ms, records or 0)


@lru_cache(maxsize=64)
def _any_due(order: tuple[Step, ...]) -> sa.TextClause:
    """Which of these steps are due at all: one look into the index a step, in one statement, locking nothing."""
    each = "(SELECT step FROM media_steps WHERE step = '{}' AND due_ms <= :now_ms LIMIT 1)"
    return sa.text(" UNION ALL ".join(each.format(step.value) for step in order))
