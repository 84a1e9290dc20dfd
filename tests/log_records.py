"""Records of the log as a consumer gives them, for tests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FakeRecord:
    """streams.records.Record."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int = 0
