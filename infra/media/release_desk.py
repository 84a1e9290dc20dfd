"""Release times for staff: the rules of `juliu catalogue release` (domain.releases), for the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sqlalchemy.engine import Engine

from domain.media.orders import By
from domain.releases import Wanted
from infra.catalogue import releases
from infra.catalogue.releases import Standing
from infra.catalogue.shelf import Shelf
from infra.media import readers
from infra.media.transaction import transact


class Releases(Protocol):
    """Blocks; call it in a thread.  Every call may raise Wait, and may be repeated then.

    Raises UnknownDrama (infra.catalogue.takedown).
    """

    def standing(self, drama_id: int) -> Standing:
        """How the drama stands."""

    def would_be(self, drama_id: int, wanted: Wanted) -> Standing:
        """How it would stand.  Raises BadSchedule, NeedsRecall."""

    def release(self, drama_id: int, wanted: Wanted, by: By) -> Standing:
        """Let it be so, for all readers, and say how it stands.  Raises BadSchedule, NeedsRecall."""


class ReleaseDesk:
    """Keeps the promises of Releases in MySQL and, for readers, on the shelf."""

    def __init__(self, engine: Engine, shelf: Shelf, now_ms: Callable[[], int]) -> None:
        self._engine, self._shelf, self._now_ms = engine, shelf, now_ms

    def standing(self, drama_id: int) -> Standing:
        """See Releases."""
        return transact(self._engine, lambda connection: releases.standing(connection, drama_id))

    def would_be(self, drama_id: int, wanted: Wanted) -> Standing:
        """See Releases."""
        return transact(
            self._engine, lambda connection: releases.would_be(connection, drama_id, wanted, self._now_ms())
        )

    def release(self, drama_id: int, wanted: Wanted, by: By) -> Standing:
        """See Releases.  It is published also where it was so already: the one before may have died here."""
        done = transact(
            self._engine, lambda connection: releases.release(connection, drama_id, wanted, by, self._now_ms())
        )
        readers.tell(self._engine, self._shelf)
        return done
