"""Builders for tests of the counters fold: an event, a folded twin, and what stands in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from domain import counters, events, hotness, keys
from domain.fold import Fold
from tests.stream import NOW_MS
from tests.twin import Twin

UUID = "00000000-0000-4000-8000-00000000000{}"
HOUR_MS = 3_600_000


def an(kind: type[events.Event], seq: int, **fields: Any) -> Any:
    """An event of viewer 5 about episode 1 (of a minute) of drama 7, one second after the one before it."""
    about: dict[str, Any] = {
        "event_id": UUID.format(1), "user_id": 5, "session_id": UUID.format(2), "drama_id": 7, "drama_index": 3,
        "at_ms": 1, "ts_ms": NOW_MS + 1_000 * seq, "received_at_ms": NOW_MS + 1_000 * seq,
    }  # fmt: skip
    if issubclass(kind, events.EpisodeEvent):
        about["episode_no"] = 1
    if issubclass(kind, events.PlayEvent):
        about |= {"play_id": UUID.format(3), "duration_ms": 60_000}
    return kind(seq=seq, **(about | fields))


def fold_in(
    twin: Twin, records: Sequence[Any], size: int = 1_000, cap: int = 500, forget: Callable[[], bool] = lambda: False
) -> Fold:
    """Fold the records into the twin, `size` at a time; the fold."""
    fold = Fold(0, 1)
    for at in range(0, len(records), size):
        if forget():
            fold.state.forget()
        prepared = fold.prepare(list(enumerate(records[at : at + size], at)))
        fold.state.fill(twin.read(fold.state.missing))
        assert all(twin.apply(run) for run in fold.effects(prepared, cap))
        fold.state.trim()
    assert twin.fence == len(records) - 1
    return fold


def folded(*records: Any, **how: Any) -> Twin:
    """A twin into which these records have been folded."""
    twin = Twin()
    fold_in(twin, list(records), **how)
    return twin


def numbers(twin: Twin) -> dict[tuple[int, str], int]:
    """(drama, counter) -> number, without zeros."""
    found = {counters.parse_field(f): n for f, n in twin.hashes.get(keys.counters_part(1, 0), {}).items()}
    return {(drama, counters.COUNTERS[i]): n for (drama, i), n in found.items() if n}


def heat(twin: Twin) -> dict[tuple[str, int, int], float]:
    """(decay, epoch, drama) -> weight."""
    return {
        (decay.name, epoch, int(drama)): score
        for decay in hotness.DECAYS
        for epoch in range(100)
        for drama, score in twin.zsets.get(keys.heat_part(decay.name, 1, 0, epoch), {}).items()
    }


# A qualified start of a playback, and a heartbeat that makes it a valid play.
START = an(events.PlayStarted, 1, qualified=True)
VALID = an(events.Heartbeat, 2, from_ms=0, to_ms=8_000)
