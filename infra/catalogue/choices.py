"""Posters that people chose, into what is published: those of the renditions that are played, no others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from domain.catalogue import Drama

_CHOICES = sa.text("SELECT drama_id, episode_no, hash12, number FROM poster_choices WHERE drama_id IN :ids").bindparams(
    sa.bindparam("ids", expanding=True)
)


def with_choices(connection: Connection, dramas: Sequence[Drama]) -> list[Drama]:
    """These dramas, as they are published: with the candidates that people chose for what they play."""
    ids = [drama.drama_id for drama in dramas if drama.renditions]
    found: dict[int, dict[int, tuple[str, int]]] = {}
    for row in connection.execute(_CHOICES, {"ids": ids}) if ids else ():
        found.setdefault(row.drama_id, {})[row.episode_no] = (row.hash12, row.number)
    return [_chosen(drama, found.get(drama.drama_id, {})) for drama in dramas]


def _chosen(drama: Drama, choices: Mapping[int, tuple[str, int]]) -> Drama:
    numbers = bytearray(drama.episodes)
    for episode_no, (hash12, number) in choices.items():
        if hash12 == drama.rendition(episode_no):
            numbers[episode_no - 1] = number
    return msgspec.structs.replace(drama, posters=bytes(numbers)) if any(numbers) else drama
