"""Choosing posters: one set of rules for `juliu media poster` and the API; readers follow within a second."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from sqlalchemy.engine import Engine

from domain.media.orders import By
from infra.catalogue import posters
from infra.catalogue.posters import Candidates
from infra.catalogue.shelf import Shelf
from infra.media import readers
from infra.media.transaction import transact


class PosterChoice(Protocol):
    """Blocks; call it in a thread.  Every call may raise Wait, and may be repeated then."""

    def candidates(self, drama_id: int, episode_no: int) -> Candidates:
        """What there is to choose from.  Raises UnknownEpisode, NoCandidates (infra.catalogue)."""

    def choose(self, drama_id: int, episode_no: int, number: int, by: By) -> Candidates:
        """Show this one, and say how it is then.  Raises the same, and NoSuchCandidate."""


class PosterDesk:
    """Keeps the promises of PosterChoice in MySQL and, for readers, on the shelf."""

    def __init__(self, engine: Engine, shelf: Shelf, now_ms: Callable[[], int]) -> None:
        self._engine, self._shelf, self._now_ms = engine, shelf, now_ms

    def candidates(self, drama_id: int, episode_no: int) -> Candidates:
        """See PosterChoice."""
        return transact(self._engine, lambda connection: posters.candidates(connection, drama_id, episode_no))

    def choose(self, drama_id: int, episode_no: int, number: int, by: By) -> Candidates:
        """See PosterChoice.  It is published also where it was chosen already: the one before may have died here."""
        order = partial(posters.choose, by=by, now_ms=self._now_ms)
        transact(self._engine, lambda connection: order(connection, drama_id, episode_no, number))
        readers.tell(self._engine, self._shelf)
        return self.candidates(drama_id, episode_no)
