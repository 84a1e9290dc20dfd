"""What a step's body is handed by the worker: ports, a folder of its own and a clock.  Nothing of it is made here.

    def run(context: StepContext, leased: Leased) -> Facts:
        context.note({"task_id": known})         # durable, before an effect that nobody can take back
        ...
        return {"task_id": task_id}              # what the steps after it read: leased.facts[Step.PULL]["task_id"]

A body may be run again after any line of it, by another process: after kill -9, after a lost lease.  It says how it
ended by what it returns or raises: facts; StepFailed; Later.  What the watch raises goes through it untouched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol

from infra.media.job import Facts, Leased
from media_jobs.engine import Processing, Storage
from media_jobs.watch import Watch
from media_jobs.wechat.platform import Platform


class Keys(Protocol):
    """The content keys of renditions, kept sealed (infra.media.keys)."""

    def keys_for(self, drama_id: int, episode_no: int, hash12: str, rungs: Sequence[str]) -> Mapping[str, bytes]:
        """Sixteen bytes a rung; the same for the same arguments, whoever asks and however often."""


class Publish(Protocol):
    """Makes an episode's rendition the one that viewers get (infra.catalogue.media)."""

    def __call__(self, drama_id: int, episode_no: int, media_path: str, duration_ms: int) -> None:
        """May be repeated.  `media_path` is a key of Storage and ends in .m3u8."""


class Cdn(Protocol):
    """What a CDN holds of Storage.  Where there is none, both do nothing."""

    def purge(self, prefixes: Sequence[str]) -> None:
        """Forget everything below these keys.  Raises StepFailed."""

    def prefetch(self, keys: Sequence[str]) -> None:
        """Have these before the first viewer asks.  Raises StepFailed."""


class Playlists(Protocol):
    """Playlists where the API reads them, for an engine whose Storage it does not read (infra.media.playlists)."""

    def put(self, texts: Mapping[str, str]) -> None:
        """Keep these by storage key.  May be repeated.  Raises Wait, ValueError (too long)."""


@dataclass(frozen=True)
class StepContext:
    """What one run of one step may use.

    `work` is an empty folder that is gone afterwards, also after a crash.  `watch` is told the progress and raises
    Cancelled or LeaseLost; ask it at least once a second.  `note` makes facts of this step durable at once: the next
    run of it finds them in leased.own; it raises LeaseLost.  `now_ms` is Unix time.
    """

    work: Path
    watch: Watch
    storage: Storage
    processing: Processing
    keys: Keys
    publish: Publish
    cdn: Cdn
    playlists: Playlists | None  # None where the API reads Storage itself
    platform: Platform | None  # None where no account is set
    note: Callable[[Facts], None]
    now_ms: Callable[[], int]
    random: Random


class Body(Protocol):
    """A step: media_jobs.steps.<step>.run."""

    def __call__(self, context: StepContext, leased: Leased) -> Facts:
        """Do it, or what is left of it.  Raises StepFailed, Later, what the watch raises; all else counts as AGAIN."""
