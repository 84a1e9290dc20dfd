"""What became of a training: a few lines for who started it, all of it for its page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import msgspec

from domain.catalogue import Catalogue
from recommender.learning.model import Recommendations
from recommender.learning.snapshot import Snapshot
from recommender.training.registry import Entry


@dataclass(frozen=True)
class Outcome:
    """Its entry in the registry, earlier ones (the latest first), and as much as there was of what it read and made."""

    entry: Entry
    before: Sequence[Entry]
    known: Snapshot | None
    made: Recommendations | None
    catalogue: Catalogue


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a training did; fields as in Entry."""

    version: str
    as_of_ms: int
    viewers: int
    dramas: int
    lists: int
    watches: int
    pairs: int
    bytes: int
    seconds: Mapping[str, float]
    metrics: Mapping[str, float]
    not_measured: Mapping[str, str]
    reason: str
    overruled: str

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """Of a version that was published."""
        return cls(**{name: getattr(entry, name) for name in cls.__struct_fields__})

    def sentence(self) -> str:
        """For people."""
        lines = [
            f"published {self.version}: lists of {self.viewers:,} viewers and {self.lists:,} dramas"
            f" ({self.bytes / 1e6:.1f} MB), from {self.watches:,} watches and {self.pairs:,} pairs;"
            f" {', '.join(f'{name} {seconds} s' for name, seconds in self.seconds.items())}",
            *self._measures(),
            *(f"not measured: {name}: {why}" for name, why in self.not_measured.items()),
        ]
        return "\n".join([*lines, f"overruled: {self.reason}"] if self.reason else lines)

    def _measures(self) -> list[str]:
        name = "recall@50"
        if name not in self.metrics:
            return []
        found = (f"{who} {self.metrics[key + name]:.3f}" for who, key in (
            ("personal lists", ""), ("trend list", "trend."), ("popularity", "popularity."),
        ))  # fmt: skip
        return [f"{name} of the last full day: {', '.join(found)}"]
