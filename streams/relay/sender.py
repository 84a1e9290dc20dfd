"""Rows into juliu.events: all of a batch are in the log when send() returns, in order in each partition."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from domain.topics import EVENTS, partition_of
from infra.log_sender import Letter, LogSender
from infra.settings import Settings
from streams.relay.outbox import Row


class Sender(Protocol):
    """Where rows go."""

    def send(self, rows: Sequence[Row]) -> None:
        """Return when all are in the log.

        Raises Wait where one may not be: send all of them again, in the same order, before any later row.
        """

    def close(self) -> None:
        """Nothing is sent any more."""


class KafkaSender:
    """Keeps the promises of Sender."""

    def __init__(self, settings: Settings) -> None:
        self._log = LogSender(settings, "relay", EVENTS.name, settings.relay_batch)
        self._partitions = settings.partitions

    def send(self, rows: Sequence[Row]) -> None:
        """See Sender."""
        self._log.send([self._letter(row) for row in rows])

    def close(self) -> None:
        """See Sender."""
        self._log.close()

    def _letter(self, row: Row) -> Letter:
        return Letter(str(row.user_id).encode(), row.value, partition_of(row.user_id, self._partitions))
