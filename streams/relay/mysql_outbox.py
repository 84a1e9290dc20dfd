"""The outbox in MySQL: each method is one statement and its own transaction.

The time of leases is MySQL's alone, so that relays whose clocks differ agree who has what.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import CursorResult, Engine
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError, ProgrammingError, TimeoutError

from infra.fold_store import Wait
from streams.relay.outbox import COUNTED, Backlog, Lease, Row

NO_SUCH_TABLE = 1146
_NOW = "CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)"

_LEASES = sa.text(f"SELECT shard, owner, until_ms - {_NOW}, epoch FROM outbox_leases ORDER BY shard")  # noqa: S608
_RENEW = sa.text(f"UPDATE outbox_leases SET until_ms = {_NOW} + :life_ms WHERE owner = :owner")  # noqa: S608
_TAKE = sa.text(
    f"UPDATE outbox_leases SET owner = :owner, until_ms = {_NOW} + :life_ms, epoch = epoch + 1"  # noqa: S608
    " WHERE shard = :shard AND epoch = :epoch"
)
_RELEASE = sa.text("UPDATE outbox_leases SET until_ms = 0 WHERE owner = :owner")


def _of(shards: str) -> sa.BindParameter[Any]:
    return sa.bindparam(shards, expanding=True)


_WAITING = sa.text(
    "SELECT id, shard, user_id, value FROM outbox WHERE shard IN :shards AND published_ms IS NULL"
    " ORDER BY shard, id LIMIT :most"
).bindparams(_of("shards"))
_MARK = sa.text("UPDATE outbox SET published_ms = :now_ms WHERE id IN :ids AND published_ms IS NULL").bindparams(
    _of("ids")
)
_PRUNE = sa.text("DELETE FROM outbox WHERE shard = :shard AND published_ms < :before_ms LIMIT :most")
_BACKLOG = sa.text(
    "SELECT COUNT(*), MIN(created_ms) FROM (SELECT created_ms FROM outbox WHERE shard IN :shards"
    " AND published_ms IS NULL LIMIT :most) AS behind"
).bindparams(_of("shards"))


class NotMigrated(Exception):
    """MySQL has no outbox: somebody must run `juliu migrate`."""


class MySqlOutbox:
    """Keeps the promises of Outbox."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def leases(self) -> list[Lease]:
        """See Outbox."""
        return [
            Lease(shard, owner or "", max(0, int(left_ms)), epoch)
            for shard, owner, left_ms, epoch in self._rows(_LEASES)
        ]

    def renew(self, owner: str, life_ms: int) -> None:
        """See Outbox."""
        self._rows(_RENEW, owner=owner, life_ms=life_ms)

    def take(self, owner: str, leases: Iterable[Lease], life_ms: int) -> None:
        """See Outbox.  A statement a lease: there are SHARDS at most."""
        for lease in leases:
            self._rows(_TAKE, owner=owner, life_ms=life_ms, shard=lease.shard, epoch=lease.epoch)

    def release(self, owner: str) -> None:
        """See Outbox."""
        self._rows(_RELEASE, owner=owner)

    def waiting(self, shards: Sequence[int], limit: int) -> list[Row]:
        """See Outbox."""
        found = self._rows(_WAITING, shards=list(shards), most=limit)
        return [Row(id_, shard, user_id, bytes(value)) for id_, shard, user_id, value in found]

    def mark(self, ids: Sequence[int], now_ms: int) -> None:
        """See Outbox."""
        if ids:
            self._rows(_MARK, ids=list(ids), now_ms=now_ms)

    def prune(self, shard: int, before_ms: int, limit: int) -> int:
        """See Outbox."""
        with self._answers() as connection:
            return connection.execute(_PRUNE, {"shard": shard, "before_ms": before_ms, "most": limit}).rowcount

    def backlog(self, shards: Sequence[int]) -> Backlog:
        """See Outbox."""
        if not shards:
            return Backlog(0, None)
        ((rows, oldest_ms),) = self._rows(_BACKLOG, shards=list(shards), most=COUNTED)
        return Backlog(rows, oldest_ms)

    def _rows(self, statement: sa.TextClause, **values: Any) -> Sequence[Sequence[Any]]:
        with self._answers() as connection:
            result: CursorResult[Any] = connection.execute(statement, values)
            return result.all() if result.returns_rows else []

    @contextmanager
    def _answers(self) -> Iterator[sa.Connection]:
        """A connection; what MySQL does not do now is a Wait, what it never will is not."""
        try:
            with self._engine.begin() as connection:  # AUTOCOMMIT is no way: a cut at its reset costs the pool a place
                yield connection
        except ProgrammingError as error:
            if error.orig is None or error.orig.args[:1] != (NO_SUCH_TABLE,):
                raise
            raise NotMigrated("MySQL has no outbox: run `juliu migrate`") from error
        except (OperationalError, InterfaceError, InternalError) as error:
            raise Wait("mysql", error.orig) from error
        except TimeoutError as error:
            raise Wait("mysql", error) from error
