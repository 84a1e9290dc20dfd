"""Poster candidates of an episode, and the one that people chose; the choice is published with the catalogue.

A choice names a rendition: while another one plays, its sharpest candidate is shown, and where that rendition comes
back (a job done again from the same file), so does the choice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from domain.media.master import hash12_of
from domain.media.orders import By, What
from infra.catalogue import rows
from infra.catalogue.media import UnknownEpisode
from infra.media import orders

BEST = 0  # candidates are numbered by how sharp they are
MOST = 10  # candidates of an episode: a number is one digit

_PATH = sa.text("SELECT media_path FROM episodes WHERE drama_id = :drama_id AND episode_no = :episode_no")
_FOUND = sa.text(
    "SELECT s.facts FROM media_jobs j JOIN media_steps s ON s.job_id = j.job_id AND s.step = 'check'"
    " WHERE j.drama_id = :drama_id AND j.episode_no = :episode_no AND j.content_hash LIKE :like AND s.state = 'done'"
    " ORDER BY j.job_id DESC LIMIT 1"
)
_CHOSEN = sa.text("SELECT hash12, number FROM poster_choices WHERE drama_id = :drama_id AND episode_no = :episode_no")
_CHOOSE = sa.text(
    "INSERT INTO poster_choices (drama_id, episode_no, hash12, number, chosen_by, chosen_ms)"
    " VALUES (:drama_id, :episode_no, :hash12, :number, :who, :now_ms) ON DUPLICATE KEY UPDATE"
    " hash12 = VALUES(hash12), number = VALUES(number), chosen_by = VALUES(chosen_by), chosen_ms = VALUES(chosen_ms)"
)
_REVISE = sa.text("UPDATE dramas SET revision = :revision WHERE drama_id = :drama_id")


class NoCandidates(LookupError):
    """The episode plays nothing that a media job made, so it has no poster candidates."""


class NoSuchCandidate(LookupError):
    """The episode has no candidate of this number."""


class Candidate(NamedTuple):
    """`at_ms` of the episode; `sharpness` compares within one episode only (media_jobs.ffmpeg.posters)."""

    number: int
    at_ms: int
    sharpness: float


class Candidates(NamedTuple):
    """Of the rendition that plays; `chosen` is shown, `by_people` False: because it is the sharpest."""

    hash12: str
    chosen: int
    by_people: bool
    candidates: Sequence[Candidate]


def candidates(connection: Connection, drama_id: int, episode_no: int) -> Candidates:
    """What there is to choose from.  Raises UnknownEpisode, NoCandidates."""
    asked = {"drama_id": drama_id, "episode_no": episode_no}
    path = connection.scalar(_PATH, asked)
    if path is None:
        raise UnknownEpisode(f"the catalogue has no episode {drama_id}/{episode_no}")
    hash12 = hash12_of(path, drama_id, episode_no)
    facts = connection.scalar(_FOUND, {**asked, "like": f"{hash12}%"}) if hash12 else None
    found = _candidates(facts)
    if not found:
        raise NoCandidates(f"no media job has made what episode {drama_id}/{episode_no} plays")
    choice = connection.execute(_CHOSEN, asked).first()
    number = choice.number if choice is not None and choice.hash12 == hash12 else None
    return Candidates(hash12, BEST if number is None else number, number is not None, found)


def choose(
    connection: Connection, drama_id: int, episode_no: int, number: int, *, by: By, now_ms: Callable[[], int]
) -> bool:
    """Show this candidate; False where people chose it already, and nothing is done.  `publish` it afterwards.

    Raises UnknownEpisode, NoCandidates, NoSuchCandidate.
    """
    revision = rows.lock(connection, "revision") + 1  # before any row of a drama, as an import does
    found = candidates(connection, drama_id, episode_no)
    if number not in {one.number for one in found.candidates}:
        raise NoSuchCandidate(f"episode {drama_id}/{episode_no} has candidates 0 to {len(found.candidates) - 1}")
    if found.by_people and found.chosen == number:
        return False
    its, at_ms = {"drama_id": drama_id, "episode_no": episode_no}, now_ms()
    connection.execute(_CHOOSE, {**its, "hash12": found.hash12, "number": number, "who": by.who, "now_ms": at_ms})
    connection.execute(_REVISE, {"drama_id": drama_id, "revision": revision})
    rows.put(connection, "revision", revision)
    detail = f"{found.hash12}/{number}"
    orders.write(connection, orders.ordered(by, What.POSTER, at_ms, drama_id, episode_no=episode_no, detail=detail))
    return True


class _Poster(NamedTuple):
    number: int
    at_ms: int
    sharpness: float
    files: list[str]


class _Facts(msgspec.Struct):
    posters: list[_Poster] = []


def _candidates(facts: str | None) -> list[Candidate]:
    """What the step CHECK has noted; none where it is of another version."""
    try:
        found = msgspec.json.decode(facts or "{}", type=_Facts).posters
    except msgspec.ValidationError:
        return []
    return [Candidate(one.number, one.at_ms, one.sharpness) for one in found[:MOST]]
