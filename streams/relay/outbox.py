"""The outbox as the relay sees it: rows that wait for the log, and the leases by which several relays share them.

A row belongs to one of 64 shards (user_id % 64), and a shard to the relay that leases it.  A lease only keeps two
relays from doing the same work: what two of them send is the same rows in the same order, each of them beginning at or
before the first row that was not marked, so the log's first copies stay in order and its windows drop the second ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol


class Row(NamedTuple):
    """A row that waits: `value` is the record of juliu.events, as it goes there."""

    id: int
    shard: int
    user_id: int
    value: bytes


class Lease(NamedTuple):
    """Who has a shard, and for how long yet by the database's clock (0: nobody).  `epoch` grows with each owner."""

    shard: int
    owner: str
    left_ms: int
    epoch: int


class Backlog(NamedTuple):
    """Rows that wait, and when the oldest of them was made (Unix ms; None: none waits)."""

    rows: int
    oldest_ms: int | None


class Outbox(Protocol):
    """The rows and leases.  Every method is one statement, safe to repeat, and raises Wait where nothing answers."""

    def leases(self) -> list[Lease]:
        """All SHARDS of them, by shard."""

    def renew(self, owner: str, life_ms: int) -> None:
        """What `owner` has it has for `life_ms` from now, also where that time had run out and nobody came."""

    def take(self, owner: str, leases: Iterable[Lease], life_ms: int) -> None:
        """Make `owner` the next owner of those whose epoch is still as seen."""

    def release(self, owner: str) -> None:
        """Let others have at once what `owner` has."""

    def waiting(self, shards: Sequence[int], limit: int) -> list[Row]:
        """The first `limit` rows of these shards that are not marked, by (shard, id): in order per viewer."""

    def mark(self, ids: Sequence[int], now_ms: int) -> None:
        """These are in the log: they do not wait any more."""

    def prune(self, shard: int, before_ms: int, limit: int) -> int:
        """Remove at most `limit` of the shard's rows that were marked before `before_ms`; how many there were."""

    def backlog(self, shards: Sequence[int]) -> Backlog:
        """How far these shards are behind; counts no further than COUNTED rows."""


COUNTED = 200_000  # rows: counting more would take MySQL longer than the number is worth
