"""What one training did so far, and its entry in the registry."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra import logs
from recommender.learning.asked import DAY_MS
from recommender.learning.snapshot import Snapshot
from recommender.learning.weights import Weights
from recommender.training.history import History, history
from recommender.training.measured import Measured, absent
from recommender.training.order import Order
from recommender.training.registry import Decision, Entry, Registry, now_ms, software

log = logs.get(__name__)


@dataclass
class Watch:
    """How long each step took."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time a step."""
        began = time.perf_counter()
        yield
        self.seconds[name] = round(time.perf_counter() - began, 2)


@dataclass
class Account:
    """What the registry is told of one training; a registry that does not answer stops nobody."""

    models: Registry
    weights: Weights
    order: Order
    as_of_ms: int
    before: str  # the version served when it began
    watch: Watch = field(default_factory=Watch)
    facts: dict[str, Any] = field(default_factory=dict)
    measured: Measured = field(default_factory=Measured)
    entries: Sequence[Entry] = ()  # of earlier trainings, the latest first

    def read(self, known: Snapshot) -> None:
        """What it learns from."""
        self.facts |= {
            "snapshot": known.digest(), "watches": len(known.watches), "pairs": len(known.pairs.a) // 2,
            "since_ms": self.as_of_ms - self.weights.window_days * DAY_MS,
        }  # fmt: skip

    def past(self) -> History:
        """What it is measured against; nothing, and that is told, where the registry does not answer."""
        try:
            self.entries = self.models.latest()
        except (ClickHouseError, OSError) as error:
            log.warning("no registry to compare with", error=str(error)[:200])
            self.measured |= absent("earlier versions", "the registry does not answer")
        return history(self.entries, self.order.limits.accepted)

    def decided(self, decision: Decision, reason: str = "", version: str = "", overruled: str = "") -> Entry:
        """Tell it."""
        entry = Entry(
            at_ms=now_ms(), decision=decision, reason=reason, overruled=overruled, version=version, before=self.before,
            as_of_ms=self.as_of_ms, seconds=self.watch.seconds, software=software(), metrics=self.measured.flat(),
            not_measured=self.measured.missing, weights=msgspec.json.encode(self.weights).decode(),
            limits=msgspec.json.encode(self.order.limits).decode(), **self.facts,
        )  # fmt: skip
        try:
            self.models.add(entry)
        except (ClickHouseError, OSError) as error:
            log.warning("not in the registry", decision=str(decision), version=version, error=str(error)[:200])
        return entry
