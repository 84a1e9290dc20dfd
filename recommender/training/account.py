"""What one training did so far, and its entry in the registry."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import msgspec
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra import logs
from recommender.learning.snapshot import DAY_MS, Snapshot
from recommender.learning.weights import Weights
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
    as_of_ms: int
    before: str  # the version served when it began
    watch: Watch = field(default_factory=Watch)
    facts: dict[str, Any] = field(default_factory=dict)

    def read(self, known: Snapshot) -> None:
        """What it learns from."""
        self.facts |= {
            "snapshot": known.digest(), "watches": len(known.watches), "pairs": len(known.pairs.a) // 2,
            "since_ms": self.as_of_ms - self.weights.window_days * DAY_MS,
        }  # fmt: skip

    def decided(self, decision: Decision, reason: str = "", version: str = "") -> None:
        """Tell it."""
        entry = Entry(
            at_ms=now_ms(), decision=decision, reason=reason, version=version, before=self.before,
            as_of_ms=self.as_of_ms, seconds=self.watch.seconds, software=software(),
            weights=msgspec.json.encode(self.weights).decode(), **self.facts,
        )  # fmt: skip
        try:
            self.models.add(entry)
        except (ClickHouseError, OSError) as error:
            log.warning("not in the registry", decision=str(decision), version=version, error=str(error)[:200])
