"""What was measured of one training: numbers by name, how sure they are, and what could not be measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

LOW, HIGH = ".low", ".high"  # of the interval, in the registry
Interval = tuple[float, float]


@dataclass(frozen=True)
class Measured:
    """`values` and the 95 % `intervals` of those that have one; `missing`: what was not measured, and why."""

    values: Mapping[str, float] = field(default_factory=dict)
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)

    def __or__(self, other: Measured) -> Measured:
        """Both; of a name that both have, what the other says."""
        return Measured(
            {**self.values, **other.values}, {**self.intervals, **other.intervals}, {**self.missing, **other.missing}
        )

    def flat(self) -> dict[str, float]:
        """As the registry keeps it: `name`, `name.low`, `name.high`."""
        ends = {f"{name}{end}": value for name, pair in self.intervals.items()
                for end, value in zip((LOW, HIGH), pair, strict=True)}  # fmt: skip
        return {**self.values, **ends}

    @classmethod
    def of_flat(cls, metrics: Mapping[str, float], missing: Mapping[str, str]) -> Self:
        """The inverse of flat."""
        values = {name: value for name, value in metrics.items() if not name.endswith((LOW, HIGH))}
        intervals = {
            name: (metrics[name + LOW], metrics[name + HIGH])
            for name in values
            if name + LOW in metrics and name + HIGH in metrics
        }
        return cls(values, intervals, missing)


def absent(name: str, why: str) -> Measured:
    """One thing that could not be measured."""
    return Measured(missing={name: why})
