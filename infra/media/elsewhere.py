"""What cancelled steps had begun at a service that goes on without them, in MySQL, until somebody has ended it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from domain.media.steps import Step
from infra.media import changes, moves, rows
from infra.media.job import ELSEWHERE, Leased
from infra.media.transaction import transact

_CANCELLED = sa.text(
    "SELECT s.job_id, s.step FROM media_jobs j JOIN media_steps s ON s.job_id = j.job_id WHERE j.state = 'cancelled'"
    " AND j.updated_ms >= :since_ms AND s.state = 'cancelled' AND JSON_CONTAINS_PATH(s.facts, 'one', :path)"
    " ORDER BY s.job_id LIMIT :most"
)


class ElsewhereRows:
    """Keeps the promises of Elsewhere."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begun_elsewhere(self, since_ms: int, limit: int) -> list[Leased]:
        """See Elsewhere."""
        changes.check_limit(limit)
        asked = {"since_ms": since_ms, "path": f"$.{ELSEWHERE}", "most": limit}

        def work(connection: Connection) -> list[Leased]:
            found = connection.execute(_CANCELLED, asked).all()
            return [changes.left(*rows.read(connection, job_id), Step(step)) for job_id, step in found]

        return transact(self._engine, work)

    def ended_elsewhere(self, leased: Leased) -> None:
        """See Elsewhere."""

        def work(connection: Connection) -> None:
            its = rows.lock(connection, leased.job_id)[1]
            rows.write_step(connection, moves.ended_elsewhere(its[leased.step], leased))

        transact(self._engine, work)
