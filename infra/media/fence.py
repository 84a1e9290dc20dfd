"""A lease asked for inside the transaction of another write: who has lost it writes nothing, however late it wakes."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from domain.media.trouble import LeaseLost
from infra.media import moves, rows
from infra.media.job import Leased

_LOCK = sa.text(f"SELECT {rows.STEP} FROM media_steps WHERE job_id = :job_id AND step = :step FOR UPDATE")  # noqa: S608


def held(leased: Leased, connection: Connection) -> None:
    """The step stays its holder's until this transaction ends.  Raises LeaseLost, Cancelled where it is not any more.

    Whoever has the step's row locked asks for nothing else that a caller may hold, so nobody waits in a circle.
    """
    asked = {"job_id": leased.job_id, "step": leased.step.value}
    row = connection.execute(_LOCK, asked).one_or_none()
    if row is None:
        raise LeaseLost(f"there is no {leased.step} of job {leased.job_id}")
    moves.check(rows.step_of(row), leased)
