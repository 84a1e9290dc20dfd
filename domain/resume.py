"""Where a viewer goes on in a drama."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from domain.playback import COMPLETE_PERMILLE, VALID_MS
from domain.registers import Register

FIRST_EPISODE = 1


class Play(NamedTuple):
    """What to play next: `position_ms` of episode `episode_no`, which is `duration_ms` long."""

    episode_no: int
    position_ms: int
    duration_ms: int


def resume(progress: Register | None, durations_ms: Sequence[int]) -> Play:
    """Where to go on, of a drama whose episodes 1, 2, ... (those that may be watched) are so long.

    A complete episode leads to the next one, the last one to the first; so does an episode that is no more.
    """
    episode_no, position_ms = (FIRST_EPISODE, 0) if progress is None else progress[1]
    if not 0 < episode_no <= len(durations_ms):
        return _begin(FIRST_EPISODE, durations_ms)
    duration_ms = durations_ms[episode_no - 1]
    if position_ms * 1000 >= duration_ms * COMPLETE_PERMILLE:
        return _begin(episode_no % len(durations_ms) + 1, durations_ms)
    return Play(episode_no, position_ms, duration_ms)


def half_watched(progress: Register, durations_ms: Sequence[int]) -> bool:
    """Begun (as far as a valid play takes) and not at the end of the last episode.  Such a drama waits for the viewer.

    A drama that went on after its last episode was watched waits again.
    """
    episode_no, position_ms = progress[1]
    if not 0 < episode_no <= len(durations_ms):
        return False
    duration_ms = durations_ms[episode_no - 1]
    if episode_no == len(durations_ms) and position_ms * 1000 >= duration_ms * COMPLETE_PERMILLE:
        return False
    return episode_no > FIRST_EPISODE or position_ms >= min(VALID_MS, duration_ms)


def _begin(episode_no: int, durations_ms: Sequence[int]) -> Play:
    return Play(episode_no, 0, durations_ms[episode_no - 1] if durations_ms else 0)
