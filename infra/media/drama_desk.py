"""What people do with a drama on WeChat: one set of rules for `juliu media drama` and /v1/admin/media/dramas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from domain.media.orders import By
from domain.media.steps import Kind
from domain.media.wechat_drama import Audit, Dossier, gaps
from infra.media.drama_book import DramaBook, Media, Standing
from infra.media.job import AlreadyActive, Submission
from infra.media.port import Jobs


class Incomplete(Exception):
    """The drama is not published: `missing` says what is lacking, a sentence each."""

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__("; ".join(missing))
        self.missing = missing


class NothingToReplace(Exception):
    """WeChat has no new file of the episode: hand one in for WeChat first, and wait for its job."""


class DramaView(NamedTuple):
    """A drama as people see it: how it stands, its media by episode, and what keeps it from being published.

    `releases`: from when on each episode of the catalogue may be watched (DramaBook.releases).
    """

    standing: Standing
    media: Mapping[int, Media]
    missing: Sequence[str]
    releases: Sequence[int] = ()


class Begun(NamedTuple):
    """The job that does what was ordered; `new` False: it was active already."""

    job_id: int
    new: bool


class DramaDesk:
    """Blocks; call it in a thread.  Every call may raise Wait, and may be repeated then."""

    def __init__(self, book: DramaBook, jobs: Jobs) -> None:
        self._book, self._jobs = book, jobs

    def put(self, dossier: Dossier, by: By, seen: str | None = None) -> DramaView:
        """Hand its papers in, or mend the version that was seen.  Raises UnknownDrama, ValueError, ChangedMeanwhile."""
        self._book.put(dossier, by, seen)
        return self.view(dossier.drama_id)

    def number(self, drama_id: int, record_number: str, by: By) -> DramaView:
        """Mend the record number alone; another one takes the tick away.  Raises UnknownDrama, ValueError."""
        self._book.number(drama_id, record_number, by)
        return self.view(drama_id)

    def tick(self, drama_id: int, record_number: str, by: By) -> DramaView:
        """The opening shows this number: `by` has seen it.  Raises UnknownDrama, OtherNumber, ValueError."""
        self._book.tick(drama_id, record_number, by)
        return self.view(drama_id)

    def view(self, drama_id: int) -> DramaView:
        """How it stands.  Raises UnknownDrama."""
        standing = self._book.standing(drama_id)
        return DramaView(standing, self._book.media(drama_id), _missing(standing), self._book.releases(drama_id))

    def page(self, audit: Audit | None, after_id: int, limit: int) -> list[DramaView]:
        """Dramas by id, without their media and releases.  Raises ValueError for a limit out of bounds."""
        return [DramaView(its, {}, _missing(its)) for its in self._book.listed(audit, after_id, limit)]

    def publish(self, drama_id: int, by: By) -> Begun:
        """Hand the whole drama in for WeChat's audit, which cannot be withdrawn.  Raises UnknownDrama, Incomplete.

        The steps look once more: somebody may change the number between this look and theirs.
        """
        standing = self._book.standing(drama_id)
        if missing := _missing(standing):
            raise Incomplete(missing)
        return self._begun(Submission(Kind.DRAMA, drama_id, 0, "", standing.dossier.title, wechat=True), by)

    def hand_in(self, drama_id: int, episode_no: int, source: str, content_hash: str, by: By) -> Begun:
        """Make `source` (a key in storage) the episode's new file, ours and WeChat's; `replace` when its job is done.

        Raises UnknownDrama, AlreadyActive (a job of another file), AlreadyDone, ValueError.
        """
        title = self._book.standing(drama_id).dossier.title  # that the drama's other episodes are uploaded under
        what = Submission(Kind.EPISODE, drama_id, episode_no, source, title, wechat=True, content_hash=content_hash)
        return self._begun(what, by)

    def replace(self, drama_id: int, episode_no: int, by: By) -> Begun:
        """Put the new file that WeChat has of an episode into the drama that plays.

        Raises UnknownDrama, NothingToReplace, AlreadyActive (another job of the episode).
        """
        title, media = self._book.standing(drama_id).dossier.title, self._book.media(drama_id).get(episode_no)
        if media is None or not media.next_media_id:
            raise NothingToReplace(f"WeChat has no new file of episode {episode_no} of drama {drama_id}")
        source = str(media.next_media_id)
        return self._begun(Submission(Kind.REPLACEMENT, drama_id, episode_no, source, title, wechat=True), by)

    def _begun(self, what: Submission, by: By) -> Begun:
        """A new job, or the one that does this very thing already.  Raises AlreadyActive for another one."""
        try:
            return Begun(self._jobs.submit(what, by), new=True)
        except AlreadyActive as error:
            job = self._jobs.job(error.job_id).job
            if (job.kind, job.source) != (what.kind, what.source):
                raise
            return Begun(error.job_id, new=False)


def _missing(standing: Standing) -> list[str]:
    return gaps(standing.dossier, ticked=standing.ticked_ms > 0)
