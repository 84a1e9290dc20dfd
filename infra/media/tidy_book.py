"""Whose turn it is to look through an episode's files, and what was decided to delete of them: in MySQL.

An episode is leased for LEASE_MS, as a step is.  What is to be deleted is written down in a transaction that holds the
episode's row (infra.media.episode_lock): whoever begins a job there afterwards sees it, whoever began before is seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from domain.media.leftovers import Heap, Leftover, folders_of, leftovers, needed_for, prunable
from infra.media import rows
from infra.media.episode_past import needed, pasts
from infra.media.job import UnknownJob
from infra.media.transaction import transact

LEASE_MS = 120_000  # renewed before each page of deletions
MOST = 50  # leftovers of one turn; the others are the next one's
PAGE = 500  # episodes

_NOW = sa.text("SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)")
_ROW = "drama_id, episode_no, token, tidied, going"
_MINE = "drama_id = :drama_id AND episode_no = :episode_no"
_DUE = sa.text(
    f"SELECT {_ROW} FROM media_episodes WHERE look_ms <= :now_ms"  # noqa: S608 - constants
    " ORDER BY look_ms LIMIT 1 FOR UPDATE SKIP LOCKED"
)
_THIS = sa.text(f"SELECT {_ROW} FROM media_episodes WHERE {_MINE} AND until_ms <= :now_ms FOR UPDATE")  # noqa: S608
_TAKE = sa.text(
    f"UPDATE media_episodes SET token = token + 1, until_ms = :until_ms, look_ms = :until_ms WHERE {_MINE}"  # noqa: S608
)
_RENEW = sa.text(
    f"UPDATE media_episodes SET until_ms = :until_ms, look_ms = :until_ms WHERE {_MINE} AND token = :token"  # noqa: S608
)
_HELD = sa.text(f"SELECT until_ms FROM media_episodes WHERE {_MINE} AND token = :token FOR UPDATE")  # noqa: S608
_GOING = sa.text(
    f"UPDATE media_episodes SET going = :going WHERE {_MINE}"  # noqa: S608
)
# counted when it is gone: a source that was put after the decision may have gone with the rest
_GONE = sa.text(
    "UPDATE media_episodes SET tidied = tidied + (going IS NOT NULL), going = NULL, until_ms = 0, look_ms = :look_ms"  # noqa: S608
    f" WHERE {_MINE} AND token = :token"
)
_KNOWN = sa.text(
    "INSERT IGNORE INTO media_episodes (drama_id, episode_no, look_ms, until_ms, token, tidied, going)"
    " VALUES (:drama_id, :episode_no, 0, 0, 0, 0, NULL)"
)
_ALL = sa.text(
    "SELECT drama_id, episode_no FROM media_episodes WHERE (drama_id, episode_no) > (:drama_id, :episode_no)"
    " ORDER BY drama_id, episode_no LIMIT :most"
)
_UNLIST = sa.text("DELETE FROM media_playlists WHERE storage_key >= :begin AND storage_key < :end")
_KEYS = sa.text(f"DELETE FROM media_keys WHERE {_MINE} AND hash12 = :hash12")  # noqa: S608
_WAITING = sa.text("SELECT COUNT(*) FROM media_records WHERE job_id = :job_id")
_STEPS_GO = sa.text("DELETE FROM media_steps WHERE job_id = :job_id")
_JOB_GOES = sa.text("DELETE FROM media_jobs WHERE job_id = :job_id")


class Lost(Exception):
    """Somebody else has the episode by now: touch nothing of it any more."""


class Taken(NamedTuple):
    """An episode that is ours to look through for LEASE_MS; `going` is what an earlier turn decided and did not end."""

    drama_id: int
    episode_no: int
    token: int
    going: list[Leftover]

    @property
    def mine(self) -> dict[str, int]:
        """Which row."""
        return {"drama_id": self.drama_id, "episode_no": self.episode_no, "token": self.token}


class Ended(NamedTuple):
    """A job whose rows nobody needs: how it stood, and the records that must be in ClickHouse before they go."""

    job_id: int
    at_ms: int
    records: list[str]


class TidyBook:
    """Blocks; call it in a thread.  Every call may raise Wait (infra.fold_store), and may be repeated then.

    `now_ms`: for tests; else it is MySQL's clock, as of the queue: workers agree which leases have run out.
    """

    def __init__(self, engine: Engine, now_ms: Callable[[], int] | None = None) -> None:
        self._engine, self._now_ms = engine, now_ms

    # -- whose turn ----------------------------------------------------------------------------------------------------

    def take(self, which: tuple[int, int] | None = None) -> Taken | None:
        """The episode that is due for longest, or this one; None where none is, or another has it."""
        return transact(self._engine, partial(self._take, which))

    def renew(self, taken: Taken) -> None:
        """Ours for LEASE_MS from now.  Raises Lost."""
        self._write(_RENEW, taken, lambda now_ms: {"until_ms": now_ms + LEASE_MS})

    def done(self, taken: Taken, after_ms: int) -> None:
        """All of `going` is gone; look again in so long.  Raises Lost."""
        self._write(_GONE, taken, lambda now_ms: {"look_ms": now_ms + after_ms})

    def known(self, episodes: Iterable[tuple[int, int]]) -> None:
        """Files of these lie in storage: their turn comes too."""
        found = [{"drama_id": d, "episode_no": n} for d, n in sorted(set(episodes))]
        if found:
            transact(self._engine, lambda connection: connection.execute(_KNOWN, found))

    def page(self, after: tuple[int, int] = (0, 0)) -> list[tuple[int, int]]:
        """The next PAGE episodes."""
        asked = {"drama_id": after[0], "episode_no": after[1], "most": PAGE}
        found = transact(self._engine, lambda connection: connection.execute(_ALL, asked).all())
        return [(drama_id, episode_no) for drama_id, episode_no in found]

    # -- what goes -----------------------------------------------------------------------------------------------------

    def decide(self, taken: Taken, lying: Sequence[Heap]) -> list[Leftover]:
        """Write down what goes of what lies there; it must go then.  Raises Lost.

        From here until `done` nobody begins a job of the episode (TidiedAway).
        """

        def work(connection: Connection) -> list[Leftover]:
            self._held(connection, taken)
            found = self._leftovers(connection, taken.drama_id, taken.episode_no, lying)
            if found:
                connection.execute(_GOING, taken.mine | {"going": msgspec.json.encode(found).decode()})
            return found

        return transact(self._engine, work)

    def preview(self, drama_id: int, episode_no: int, lying: Sequence[Heap]) -> list[Leftover]:
        """What would go now; nothing is written."""
        return transact(self._engine, lambda one: self._leftovers(one, drama_id, episode_no, lying))

    def is_named(self, key: str) -> bool:
        """Whether the catalogue names this file, or one in this folder or its rendition's: put back by hand since."""
        return bool(transact(self._engine, lambda connection: needed(connection, [needed_for(key)])))

    def unlist(self, taken: Taken, folder: str) -> None:
        """Playlists of a folder go: nobody is told of its files any more.  Raises Lost."""

        def work(connection: Connection) -> None:
            self._held(connection, taken)
            connection.execute(_UNLIST, {"begin": folder, "end": folder[:-1] + "0"})  # "0" follows "/"

        transact(self._engine, work)

    def forget_keys(self, taken: Taken, folder: str) -> None:
        """The keys of a rendition go, whose files are gone.  Raises Lost."""

        def work(connection: Connection) -> None:
            self._held(connection, taken)
            connection.execute(_KEYS, taken.mine | {"hash12": folder.split("/")[3]})

        transact(self._engine, work)

    # -- rows ----------------------------------------------------------------------------------------------------------

    def ended(self, drama_id: int, episode_no: int) -> list[Ended]:
        """Jobs whose rows nobody needs."""

        def work(connection: Connection) -> list[Ended]:
            found = pasts(connection, drama_id, episode_no)
            ids = set(prunable(found.jobs, found.playing, self._now(connection)))
            its = [job for job in found.jobs if job.job_id in ids]
            return [Ended(job.job_id, job.ended_ms, found.records[job.job_id]) for job in its]

        return transact(self._engine, work)

    def prune(self, ended: Ended) -> bool:
        """The rows of this job go, unless something became of it since, or a record of it waits; whether they went."""

        def work(connection: Connection) -> bool:
            try:
                job, _ = rows.lock(connection, ended.job_id)
            except UnknownJob:
                return False
            here = {"job_id": ended.job_id}
            if job.updated_ms != ended.at_ms or connection.scalar(_WAITING, here):
                return False
            connection.execute(_STEPS_GO, here)
            return connection.execute(_JOB_GOES, here).rowcount == 1

        return transact(self._engine, work)

    # ------------------------------------------------------------------------------------------------------------------

    def _now(self, connection: Connection) -> int:
        return self._now_ms() if self._now_ms else int(connection.scalar(_NOW) or 0)

    def _write(self, statement: sa.TextClause, taken: Taken, values: Callable[[int], dict[str, int]]) -> None:
        """To the row, where it is ours.  Raises Lost."""

        def work(connection: Connection) -> None:
            if connection.execute(statement, taken.mine | values(self._now(connection))).rowcount != 1:
                raise Lost(taken)

        transact(self._engine, work)

    def _take(self, which: tuple[int, int] | None, connection: Connection) -> Taken | None:
        now_ms = self._now(connection)
        asked = {"now_ms": now_ms, "until_ms": now_ms + LEASE_MS}
        this = {"drama_id": which[0], "episode_no": which[1]} if which else {}
        row = connection.execute(_THIS if which else _DUE, asked | this).one_or_none()
        if row is None:
            return None
        drama_id, episode_no, token, _, going = row
        connection.execute(_TAKE, asked | {"drama_id": drama_id, "episode_no": episode_no})
        decided = msgspec.json.decode(str(going), type=list[Leftover]) if going is not None else []
        return Taken(drama_id, episode_no, token + 1, decided)

    def _held(self, connection: Connection, taken: Taken) -> None:
        until_ms = connection.scalar(_HELD, taken.mine)
        if until_ms is None or until_ms <= self._now(connection):
            raise Lost(taken)

    def _leftovers(
        self, connection: Connection, drama_id: int, episode_no: int, lying: Sequence[Heap]
    ) -> list[Leftover]:
        found, now_ms = pasts(connection, drama_id, episode_no), self._now(connection)
        if not leftovers(found.jobs, found.playing, (), lying, now_ms):
            return []
        named = needed(connection, folders_of(drama_id, episode_no))
        return leftovers(found.jobs, found.playing, named, lying, now_ms)[:MOST]
