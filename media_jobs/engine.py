"""The two ports that everything here works with: where files lie (Storage) and what is made of them (Processing).

Two engines keep them: media_jobs.local (a folder, ffmpeg) and media_jobs.cos (Tencent COS and CI).  All calls block; a
watch that raises (Cancelled, LeaseLost) ends them soon and goes through untouched.  Every other trouble is a
StepFailed: AGAIN where the service is away or slow, MEND where people must do something, GIVE_UP never.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from domain.media import names
from domain.media.ladder import Encoded, Rung
from domain.media.leftovers import Lying
from domain.media.probe import Probe
from domain.media.report import Report
from media_jobs.ffmpeg.posters import Poster
from media_jobs.watch import Watch

MAX_KEYS = (
    10_000  # that one call of Storage.keys lists or Storage.delete takes: an hour at four rungs is 7,200 segments
)


class Stored(NamedTuple):
    """A file in Storage.  `crc64` is CRC-64/XZ of its bytes, as COS tells it."""

    key: str
    size: int
    crc64: int


class Unfinished(NamedTuple):
    """An upload that has begun and not ended; `name` is the store's.  `size` 0: nobody knows.  Times are Unix ms."""

    name: str
    size: int
    begun_ms: int


class Posters(NamedTuple):
    """Poster candidates; `taken`: how many pictures a service was paid for."""

    candidates: Sequence[Poster]
    taken: int = 0


class Storage(Protocol):
    """Files by key (domain.media.names).  A key that is none is a ValueError: a mistake of the caller, not of fate."""

    def prepare(self) -> None:
        """Once at a worker's start, and again without harm: what nobody finishes goes away by itself from now on."""

    def put(self, key: str, path: Path, content_type: str, watch: Watch) -> Stored:
        """The file under this key, whole and on disk there when this returns; readers see the old one until then.

        May be repeated.  What an interrupted call had sent is not sent again where the store allows it.  The watch is
        told 0..1000; memory does not depend on the size.
        """

    def put_bytes(self, key: str, body: bytes, content_type: str) -> Stored:
        """The same for a small thing: playlists, posters."""

    def fetch(self, key: str, target: Path, max_bytes: int, watch: Watch) -> Stored:
        """A copy in `target`, checked by its CRC; do not write to it, it may be the stored file itself.

        StepFailed(MEND, "not_found") where there is no such key, (MEND, "too_large") past max_bytes: nothing of it is
        left then.
        """

    def head(self, key: str) -> Stored | None:
        """What lies there; None where nothing does."""

    def keys(self, prefix: str, limit: int) -> list[str]:
        """Keys that begin with `prefix`, in order, at most `limit` of them, which is at most MAX_KEYS."""

    def listed(self, prefix: str, after: str, limit: int) -> list[Lying]:
        """The same with sizes and times, and only keys above `after`: page by page."""

    def unfinished(self, before_ms: int, limit: int) -> list[Unfinished]:
        """Uploads that began before this and have not ended, the oldest first, at most `limit`."""

    def end(self, uploads: Sequence[Unfinished]) -> None:
        """What these have sent goes; one that has ended meanwhile is no trouble.  At most MAX_KEYS."""

    def delete(self, keys: Sequence[str]) -> None:
        """None of these is there afterwards; those that were not there are no trouble.  At most MAX_KEYS."""

    def pull_address(self, key: str, life_s: int) -> str:
        """An address at which anybody may GET the file for so long (60 s to 7 days), by the account's own keys."""

    def upload_address(self, key: str, life_s: int, size: int) -> str:
        """An address to which anybody may PUT exactly `size` bytes for so long: a browser, past the API."""


@dataclass(frozen=True)
class Task:
    """One thing to make from one source, and how its traces at a service are found again.

    `work` is a folder of the caller's for files on the way.  `token` is the lease's fencing token: a higher one is a
    later try of the same step.  `noted` is what earlier tries of the step have left (leased.own), `note` leaves more,
    durably, before it returns (context.note; raises LeaseLost).  `content_hash`: the source's whole SHA-256 in hex,
    once it was looked at: whoever may upload it may do so again while the job runs; `source_crc64` is what Storage told
    of it then, for who has others read it.  `rounds`: how often a person has said "again" to the job.
    """

    job_id: int
    step: str
    token: int
    source: str
    drama_id: int
    episode_no: int
    hash12: str
    work: Path
    noted: Mapping[str, Any] = field(default_factory=dict)
    note: Callable[[Mapping[str, Any]], None] = lambda _: None
    content_hash: str = ""
    source_crc64: str = ""
    rounds: int = 0

    @property
    def mezzanine(self) -> str:
        """Key of the plain file."""
        return names.mezzanine(self.drama_id, self.episode_no, self.hash12)

    @property
    def intermediate(self) -> str:
        """Folder of what tries of steps with this source leave in Storage on the way."""
        return names.intermediate(self.drama_id, self.episode_no, self.hash12)

    @property
    def on_the_way(self) -> str:
        """Prefix of what only this try leaves there: another job of the same file has tokens of its own."""
        return f"{self.intermediate}/{self.job_id}-{self.step}-{self.token}"


class Processing(Protocol):
    """What is made of a source.  A repeated call finds what an earlier one began, where a service does the work.

    Where a service needs long, a call raises Later: what it has begun goes on, and the next call finds it.
    `paid`: `ladder` and `mezzanine` are billed by the minute of each rendition (the facts' usage.ci_ms), `posters` by
    the picture (usage.ci_snapshots).
    """

    paid: bool

    def source(self, task: Task, watch: Watch) -> Path:
        """The source as a local file below task.work; fetched once a task."""

    def probe(self, task: Task, watch: Watch) -> Probe:
        """What the source is.  StepFailed(MEND, ...) for what is no video."""

    def inspect(self, task: Task, probe: Probe, watch: Watch) -> Report:
        """How it looks and sounds from end to end."""

    def ladder(
        self,
        task: Task,
        probe: Probe,
        report: Report,
        rungs: Sequence[Rung],
        *,
        keys: Mapping[str, bytes],
        watch: Watch,
    ) -> Encoded:
        """The encrypted rendition in task.work/"hls", laid out as below names.hls(...): put it with media_jobs.tree."""

    def mezzanine(self, task: Task, probe: Probe, report: Report, watch: Watch) -> Stored:
        """The plain file at task.mezzanine in Storage."""

    def posters(self, task: Task, probe: Probe, watch: Watch) -> Posters:
        """Candidates in task.work/"posters", files named as below names.posters(...)."""

    def drop(self, task: Task, watch: Watch) -> bool:
        """Nobody will do this step: end what its tries have begun at a service, delete what that made on the way.

        True when nothing of it is left; False: ask again later.  Leaves no note.
        """
