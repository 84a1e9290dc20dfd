"""Dramas on WeChat for staff: what `juliu media drama` does, by the same rules (infra.media.drama_desk)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import msgspec

from domain.media.wechat_drama import PAPER_TYPES, Audit, Dossier
from infra import logs
from infra.media.drama_desk import Begun, DramaDesk, DramaView
from ingest_api.errors import Unprocessable
from ingest_api.events.service import CatalogueSource
from ingest_api.media_admin import uploads
from ingest_api.media_admin.answers import BegunAnswer, UploadAnswer
from ingest_api.media_admin.asked import by_staff, known_drama, known_episode
from ingest_api.media_admin.drama_answers import DramaAnswer, DramaPage, drama_answer
from ingest_api.media_admin.errors import NotUploaded
from ingest_api.media_admin.orders import NewPaper, NewPapers, Replacement
from ingest_api.media_admin.told import told
from ingest_api.media_admin.uploads import Uploads
from ingest_api.threads import Threads

T = TypeVar("T")
log = logs.get(__name__)


class DramaAdmin:
    """One a process.  Every call may raise UnknownDrama, NothingHandedIn and JobsUnavailable."""

    def __init__(
        self,
        desk: DramaDesk,
        catalogue: CatalogueSource,
        places: Uploads,
        *,
        threads: Threads,
        now_ms: Callable[[], int],
    ) -> None:
        self._desk = desk
        self._catalogue = catalogue
        self._uploads = places
        self._threads = threads
        self._now_ms = now_ms

    async def page(self, audit: Audit | None, after: int, count: int) -> DramaPage:
        """At most `count` dramas above the id `after`."""
        found = await self._ask(partial(self._desk.page, audit, after, count))
        more = found[-1].standing.dossier.drama_id if len(found) == count else None
        return DramaPage([drama_answer(view) for view in found], more)

    async def drama(self, drama_id: int) -> DramaAnswer:
        """One drama."""
        known_drama(self._catalogue.current, drama_id)
        return drama_answer(await self._ask(partial(self._desk.view, drama_id)))

    def paper(self, drama_id: int, wanted: NewPaper) -> UploadAnswer:
        """Where to send a paper.  Raises NoStorage, Unprocessable (no picture)."""
        known_drama(self._catalogue.current, drama_id)
        if (key := uploads.paper_key(drama_id, wanted.name)) is None:
            raise Unprocessable(f"a paper is a picture ({', '.join(PAPER_TYPES)})")
        return UploadAnswer.of(self._uploads.at(key, wanted.size, self._now_ms() // 1000))

    async def put(self, admin: int, drama_id: int, papers: NewPapers, seen: str | None) -> DramaAnswer:
        """Hand its papers in, or mend the version that was `seen`.  Raises Unprocessable, DossierChanged."""
        known_drama(self._catalogue.current, drama_id)
        dossier = Dossier(drama_id=drama_id, **msgspec.structs.asdict(papers))
        view = await self._ask(partial(self._desk.put, dossier, by_staff(admin), seen))
        return self._told("a drama's papers were handed in", admin, view)

    async def number(self, admin: int, drama_id: int, record_number: str) -> DramaAnswer:
        """Mend the record number alone.  Raises Unprocessable."""
        known_drama(self._catalogue.current, drama_id)
        view = await self._ask(partial(self._desk.number, drama_id, record_number, by_staff(admin)))
        return self._told("a drama's record number was set", admin, view)

    async def tick(self, admin: int, drama_id: int, record_number: str) -> DramaAnswer:
        """They have seen it in the opening.  Raises OtherRecordNumber."""
        known_drama(self._catalogue.current, drama_id)
        view = await self._ask(partial(self._desk.tick, drama_id, record_number, by_staff(admin)))
        return self._told("a drama's record number was ticked", admin, view)

    async def publish(self, admin: int, drama_id: int) -> BegunAnswer:
        """Hand the drama in for its audit.  Raises DramaIncomplete."""
        known_drama(self._catalogue.current, drama_id)
        begun = await self._ask(partial(self._desk.publish, drama_id, by_staff(admin)))
        return _begun("a drama is published", admin, begun)

    async def replace(self, admin: int, drama_id: int, episode_no: int, wanted: Replacement) -> BegunAnswer:
        """Its file to WeChat, or what WeChat has into the drama.

        Raises UnknownEpisode, NotUploaded, NothingToReplace, JobActive, JobDone.
        """
        known_episode(self._catalogue.current, drama_id, episode_no)
        call = partial(self._desk.replace, drama_id, episode_no)
        if wanted.source:
            if not uploads.is_of(drama_id, episode_no, wanted.source):
                raise NotUploaded
            call = partial(self._desk.hand_in, drama_id, episode_no, wanted.source, wanted.content_hash)
        return _begun("an episode is replaced", admin, await self._ask(partial(call, by_staff(admin))))

    def _told(self, what: str, admin: int, view: DramaView) -> DramaAnswer:
        log.info(what, admin=admin, drama_id=view.standing.dossier.drama_id)
        return drama_answer(view)

    async def _ask(self, call: Callable[[], T]) -> T:
        return await self._threads.run(partial(told, call))


def _begun(what: str, admin: int, begun: Begun) -> BegunAnswer:
    if begun.new:
        log.info(what, admin=admin, job_id=begun.job_id)
    return BegunAnswer(job_id=begun.job_id, new=begun.new)
