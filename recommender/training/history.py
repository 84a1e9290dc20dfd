"""What the last accepted trainings were worth: what the next one is measured against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from domain.keys import REC_LIFE_S
from recommender.training.day import last_full_day
from recommender.training.measured import Measured
from recommender.training.registry import Decision, Entry


@dataclass(frozen=True)
class History:
    """The latest first, one a day that was the last full one.

    It begins anew with what a person overruled, and with what was published when nothing was served any more: after a
    week of refusals viewers do what they do now, whatever they did before.
    """

    accepted: Sequence[Measured]
    overruled: Measured | None = None  # the last of them, where a person published it in spite of the gate

    def usual(self, name: str) -> tuple[float, int] | None:
        """The median of what the accepted ones had, and of how many; None where none was measured."""
        found = [one.values[name] for one in self.accepted if name in one.values]
        return (median(found), len(found)) if found else None


def history(entries: Sequence[Entry], most: int) -> History:
    """From what the registry has, the latest first."""
    accepted: dict[int, Measured] = {}
    overruled = None
    undone, made_ms = _undone(entries), _made_ms(entries)
    for entry in entries:
        if entry.decision is not Decision.PUBLISHED or entry.version in undone or len(accepted) == most:
            continue
        measured = Measured.of_flat(entry.metrics, entry.not_measured)
        accepted.setdefault(last_full_day(entry.as_of_ms).from_ms, measured)
        if entry.overruled:
            overruled = measured
            break
        if entry.at_ms - made_ms.get(entry.before, entry.at_ms) > 1_000 * REC_LIFE_S:
            break
    return History(list(accepted.values()), overruled)


def _made_ms(entries: Sequence[Entry]) -> dict[str, int]:
    """When each version was published, from when on it lives REC_LIFE_S."""
    return {entry.version: entry.at_ms for entry in entries if entry.decision is Decision.PUBLISHED}


def _undone(entries: Sequence[Entry]) -> frozenset[str]:
    """Versions that somebody rolled back from, and nobody went back to since."""
    last: dict[str, bool] = {}
    for entry in reversed(entries):
        if entry.decision is Decision.ROLLED_BACK:
            last |= {entry.before: True, entry.version: False}
    return frozenset(version for version, gone in last.items() if gone)
