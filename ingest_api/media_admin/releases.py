"""Release times for staff: what `juliu catalogue release` and `show` do, by the same rules (domain.releases)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

import msgspec
from pydantic import BaseModel, Field

from domain.catalogue_import import MAX_EPISODES
from domain.releases import MAX_MS, MIN_MS, Wanted
from infra import logs
from infra.catalogue.releases import Standing
from infra.media.release_desk import Releases
from ingest_api.media_admin.asked import by_staff
from ingest_api.media_admin.told import told
from ingest_api.threads import Threads

MOST_MINUTES = 366 * 1_440
MINUTE_MS = 60_000

log = logs.get(__name__)

Number = Annotated[int, msgspec.Meta(ge=1, le=MAX_EPISODES)]


class NewSchedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`episodes` come at `from_ms` (Unix ms), and as many every `every_minutes` after, to the last of the drama.

    From episode `first` on; 0: from the first that is not out yet.  `dry_run`: only say what it would be.
    """

    from_ms: Annotated[int, msgspec.Meta(ge=MIN_MS, le=MAX_MS)]
    every_minutes: Annotated[int, msgspec.Meta(ge=1, le=MOST_MINUTES)] = 1_440
    episodes: Number = 1
    first: Annotated[int, msgspec.Meta(ge=0, le=MAX_EPISODES)] = 0
    dry_run: bool = False

    def wanted(self, *, recall: bool) -> Wanted:
        """What is asked for."""
        return Wanted(self.first, self.episodes, self.from_ms, self.every_minutes * MINUTE_MS, recall)


class ReleaseNow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`episodes` from `first` on may be watched now, the others as before."""

    first: Number
    episodes: Number = 1
    dry_run: bool = False

    def wanted(self) -> Wanted:
        """What is asked for."""
        return Wanted(self.first, self.episodes)


class ReleasedEpisode(BaseModel):
    """An episode of the catalogue."""

    episode_no: int
    duration_ms: int
    has_video: bool
    release_ms: int = Field(description="from when on it may be watched, Unix ms; 0: at once")


class ReleasesAnswer(BaseModel):
    """When the episodes of a drama are released."""

    drama_id: int
    title: str
    published: bool
    taken_down: bool
    released: int = Field(
        description="how many are out: 1 to this; viewers see them if it is published, not taken down"
    )
    episodes: list[ReleasedEpisode]


class ReleaseAdmin:
    """One a process.  Every call may raise UnknownDrama and JobsUnavailable."""

    def __init__(self, desk: Releases, *, threads: Threads, now_ms: Callable[[], int]) -> None:
        self._desk = desk
        self._threads = threads
        self._now_ms = now_ms

    async def standing(self, drama_id: int) -> ReleasesAnswer:
        """How it stands."""
        return await self._ask(partial(self._desk.standing, drama_id))

    async def order(self, admin: int, drama_id: int, wanted: Wanted, *, dry_run: bool) -> ReleasesAnswer:
        """Let it be so, or only say how it would be.  Raises Unprocessable, NeedsRecall."""
        if dry_run:
            return await self._ask(partial(self._desk.would_be, drama_id, wanted))
        answer = await self._ask(partial(self._desk.release, drama_id, wanted, by_staff(admin)))
        log.info("release times were set", admin=admin, drama_id=drama_id, recall=wanted.recall)
        return answer

    async def _ask(self, call: Callable[[], Standing]) -> ReleasesAnswer:
        return _answer(await self._threads.run(partial(told, call)), self._now_ms())


def _answer(found: Standing, now_ms: int) -> ReleasesAnswer:
    each = zip(found.durations_ms, found.media_paths, found.moments, strict=True)
    return ReleasesAnswer(
        drama_id=found.drama_id, title=found.title, published=found.published, taken_down=found.taken_down,
        released=found.out(now_ms),
        episodes=[
            ReleasedEpisode(episode_no=number, duration_ms=duration_ms, has_video=bool(path), release_ms=moment)
            for number, (duration_ms, path, moment) in enumerate(each, 1)
        ],
    )  # fmt: skip
