"""Taking a drama down: viewers must not be shown it any more, from now on, whatever else is published or late."""

from __future__ import annotations

from sqlalchemy.engine import Engine

from infra.catalogue import rows
from infra.catalogue.shelf import Shelf

MAX_TAKEDOWNS = 10_000  # every process reads them all twice a second; a drama that is gone for good is unpublished


class UnknownDrama(LookupError):
    """There is no such drama."""


class TooManyTakedowns(RuntimeError):
    """The list is full: import the older ones with published=false, then take them off it."""


def take_down(engine: Engine, shelf: Shelf, drama_id: int, *, now_ms: int) -> bool:
    """Take the drama down; readers follow within a second.  False where it was down already (Redis is told again).

    Raises UnknownDrama, TooManyTakedowns, or the error of a store that does not answer: repeat it then.
    """
    with engine.begin() as connection:
        rows.lock(connection, "takedowns")
        if not rows.known(connection, drama_id):
            raise UnknownDrama(f"there is no drama {drama_id}")
        down = rows.taken_down(connection)
        if drama_id not in down and len(down) >= MAX_TAKEDOWNS:
            raise TooManyTakedowns(f"{MAX_TAKEDOWNS} dramas are taken down: unpublish some of them by an import")
        if drama_id not in down:
            rows.take_down(connection, drama_id, now_ms)
        shelf.take_down([drama_id], [])  # before the commit: where it fails, neither store holds it
        return drama_id not in down


def put_back(engine: Engine, shelf: Shelf, drama_id: int) -> bool:
    """Let the drama be shown again.  False where it was not taken down.  Raises as `take_down` does."""
    with engine.begin() as connection:
        rows.lock(connection, "takedowns")
        if not rows.known(connection, drama_id):
            raise UnknownDrama(f"there is no drama {drama_id}")
        was_down = drama_id in rows.taken_down(connection)
        rows.put_back(connection, drama_id)
        shelf.take_down([], [drama_id])
        return was_down
