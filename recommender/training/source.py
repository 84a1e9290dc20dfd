"""Where a training reads what viewers did."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from clickhouse_connect.driver.client import Client

from recommender.learning import days, snapshot
from recommender.learning.days import Day
from recommender.learning.snapshot import Snapshot
from recommender.learning.weights import Weights
from recommender.training.day import Span


class Source(Protocol):
    """Calls raise clickhouse_connect's ClickHouseError, ValueError for a dense index that does not fit."""

    def snapshot(self, as_of_ms: int, weights: Weights) -> Snapshot:
        """Everything before then, in order."""

    def day(self, span: Span, weights: Weights) -> Day:
        """What viewers were shown on a day and what they did with it."""

    def volume(self, as_of_ms: int, count: int) -> Sequence[int]:
        """Watches of each of the last `count` full days before then, the oldest first."""


class ClickHouseSource:
    """The table `events`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def snapshot(self, as_of_ms: int, weights: Weights) -> Snapshot:
        """See Source."""
        return snapshot.read(self._client, as_of_ms, weights)

    def day(self, span: Span, weights: Weights) -> Day:
        """See Source."""
        return days.read_day(self._client, span.from_ms, span.to_ms, weights)

    def volume(self, as_of_ms: int, count: int) -> Sequence[int]:
        """See Source."""
        return days.volume(self._client, as_of_ms, count)
