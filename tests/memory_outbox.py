"""The twins of the relay's two ports: an outbox with leases, and a log that may fail."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from infra.fold_store import Wait
from infra.money.tables import SHARDS
from streams.relay.outbox import Backlog, Lease, Row


class MemoryOutbox:
    """Keeps the promises of Outbox in lists; `now_ms` is its clock.  Set `away`, and nothing answers."""

    def __init__(self) -> None:
        self.now_ms, self.away = 1_000_000, False
        self.rows: dict[int, tuple[Row, int]] = {}  # id -> row, created_ms
        self.published: dict[int, int] = {}  # id -> published_ms
        self._leases = {shard: ("", 0, 0) for shard in range(SHARDS)}  # shard -> owner, until_ms, epoch

    def put(self, user_id: int, value: bytes, created_ms: int = 0) -> int:
        """What an unlock does; the row's id."""
        row = Row(len(self.rows) + 1, user_id % SHARDS, user_id, value)
        self.rows[row.id] = row, created_ms
        return row.id

    def leases(self) -> list[Lease]:
        self._answer()
        return [
            Lease(shard, owner, max(0, until - self.now_ms), epoch)
            for shard, (owner, until, epoch) in self._leases.items()
        ]

    def renew(self, owner: str, life_ms: int) -> None:
        self._answer()
        self._set_until(owner, self.now_ms + life_ms)

    def take(self, owner: str, leases: Iterable[Lease], life_ms: int) -> None:
        self._answer()
        for lease in leases:
            if self._leases[lease.shard][2] == lease.epoch:
                self._leases[lease.shard] = owner, self.now_ms + life_ms, lease.epoch + 1

    def release(self, owner: str) -> None:
        self._answer()
        self._set_until(owner, 0)

    def waiting(self, shards: Sequence[int], limit: int) -> list[Row]:
        self._answer()
        return sorted(self._unpublished(shards), key=lambda row: (row.shard, row.id))[:limit]

    def mark(self, ids: Sequence[int], now_ms: int) -> None:
        self._answer()
        for id_ in ids:
            self.published.setdefault(id_, now_ms)

    def prune(self, shard: int, before_ms: int, limit: int) -> int:
        self._answer()
        old = [id_ for id_, ms in self.published.items() if ms < before_ms and self.rows[id_][0].shard == shard][:limit]
        for id_ in old:
            del self.rows[id_], self.published[id_]
        return len(old)

    def backlog(self, shards: Sequence[int]) -> Backlog:
        self._answer()
        waits = [self.rows[row.id][1] for row in self._unpublished(shards)]
        return Backlog(len(waits), min(waits, default=None))

    def _unpublished(self, shards: Sequence[int]) -> list[Row]:
        return [row for row, _ in self.rows.values() if row.id not in self.published and row.shard in shards]

    def _set_until(self, owner: str, until_ms: int) -> None:
        for shard, (who, _, epoch) in self._leases.items():
            if who == owner:
                self._leases[shard] = owner, until_ms, epoch

    def _answer(self) -> None:
        if self.away:
            raise Wait("mysql", "away")


class MemorySender:
    """Keeps what was sent.  Set `takes`: of the next batch only so many get there, and that raises Wait."""

    def __init__(self) -> None:
        self.sent: list[Row] = []
        self.batches: list[int] = []
        self.takes: int | None = None
        self.closed = False

    def send(self, rows: Sequence[Row]) -> None:
        takes, self.takes = self.takes, None
        self.sent += rows[:takes]
        self.batches.append(len(rows))
        if takes is not None:
            raise Wait("kafka", "no answer")

    def close(self) -> None:
        self.closed = True
