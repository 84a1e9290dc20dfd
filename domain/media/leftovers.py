"""What of an episode's files nobody needs any more, and why: by its jobs, the catalogue's word and what lies there.

Nothing goes that the catalogue names, nothing while a job of the episode is active, and nothing of the last day.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

from domain.media.names import is_key
from domain.media.steps import JobState, Kind

DAY_MS = 86_400_000
FRESH_MS = DAY_MS  # what was written since may be somebody's who has not said so yet
REPLACED_MS = DAY_MS  # playlists and keys are given out for a quarter of an hour
KEPT_MS = 7 * DAY_MS  # a source after its job, and what no job names
FETCHED_MS = 3 * DAY_MS  # WeChat's address of the plain file lives so long (media_jobs.steps.pull)
GIVEN_UP_MS = 90 * DAY_MS  # what failed and nobody has begun again
_BEGINS_AGAIN_MS = {JobState.CANCELLED: KEPT_MS, JobState.FAILED: GIVEN_UP_MS, JobState.REJECTED: GIVEN_UP_MS}
PRUNED_MS = 90 * DAY_MS  # rows of a job that ended; juliu.media keeps its records for 30 days

_FOLDERS = re.compile(r"((?:hls|posters|work)/\d+/\d+/([0-9a-f]{12})/).+")
_FILES = re.compile(r"(incoming/\d+/\d+/[^/]+|mezzanine/\d+/\d+/([0-9a-f]{12})\.mp4)")
_OF_EPISODE = re.compile(r"[a-z]+/([1-9]\d{0,17})/([1-9]\d{0,4})/")


class What(StrEnum):
    """What a leftover is."""

    RENDITION = "rendition"  # encrypted files, their playlists and keys
    POSTERS = "posters"
    MEZZANINE = "mezzanine"  # the plain file that WeChat fetched
    SOURCE = "source"  # what was handed in
    WORK = "work"  # what a processing service left on the way
    UPLOAD = "upload"  # an upload that nobody ended; of no episode


class Why(StrEnum):
    """Why it may go."""

    REPLACED = "replaced"  # a newer job's rendition is played, for a day or more
    FETCHED = "fetched"  # WeChat has its media for more than three days
    DONE = "done"  # its job is, for seven days
    CANCELLED = "cancelled"  # its job was, seven days ago
    GIVEN_UP = "given_up"  # its job failed or was rejected, and 90 days nobody began it again
    NOBODY = "nobody"  # no job names it, for seven days


class Lying(NamedTuple):
    """A file in Storage: when it was written (Unix time, ms), and how large it is."""

    key: str
    size: int
    changed_ms: int


class Heap(NamedTuple):
    """What goes or stays as a whole: a file, or a folder with a slash at its end; `changed_ms`: of its newest file."""

    key: str
    files: int
    bytes: int
    changed_ms: int


class Past(NamedTuple):
    """A job of the episode, as far as its files are concerned.

    `hash12` empty: not known.  `cdn_ms`, `media_id_ms`: when that step was done; None: it is not.
    """

    job_id: int
    kind: Kind
    state: JobState
    source: str
    hash12: str
    ended_ms: int
    cdn_ms: int | None = None
    media_id_ms: int | None = None


class Leftover(NamedTuple):
    """A file's key, or a folder's with a slash at its end, and what lies there."""

    what: What
    key: str
    why: Why
    files: int
    bytes: int


def folders_of(drama_id: int, episode_no: int) -> tuple[str, ...]:
    """Prefixes below which everything of an episode lies."""
    return tuple(f"{top}/{drama_id}/{episode_no}/" for top in ("hls", "incoming", "mezzanine", "posters", "work"))


def needed_for(key: str) -> str:
    """What it is no use without: the rendition of posters; else itself.  Where the catalogue names that, it stays."""
    return key.replace("posters/", "hls/", 1) if key.startswith("posters/") else key


def episode_of(key: str) -> tuple[int, int] | None:
    """Drama and episode of a key; None where it is of none."""
    found = _OF_EPISODE.match(key)
    return (int(found[1]), int(found[2])) if found else None


def heaps(lying: Iterable[Lying]) -> list[Heap]:
    """By key; what is none of ours is not told.  Memory does not depend on how many files a folder has."""
    found: dict[str, Heap] = {}
    for one in lying:
        if (key := _whole(one.key)) is not None:
            its = found.get(key, Heap(key, 0, 0, 0))
            found[key] = Heap(key, its.files + 1, its.bytes + one.size, max(its.changed_ms, one.changed_ms))
    return [found[key] for key in sorted(found)]


def begins_again(state: JobState, ended_ms: int, now_ms: int) -> bool:
    """Whether a job of an episode that ended so may be retried: its files stay as long.  Without them it is void."""
    return now_ms - ended_ms < _BEGINS_AGAIN_MS.get(state, 0)


def leftovers(
    jobs: Sequence[Past], playing: str, named: Collection[str], lying: Iterable[Heap], now_ms: int
) -> list[Leftover]:
    """What may go, by key.  `jobs` are all of the episode, by id; `playing` is the hash12 of what viewers get, or "".

    `named` are paths of the catalogue, also of other episodes: neither they nor a folder around them is told.
    """
    if any(job.state is JobState.ACTIVE for job in jobs):
        return []
    return list(_gone(_Episode(jobs, playing, now_ms), named, lying))


def prunable(jobs: Sequence[Past], playing: str, now_ms: int) -> list[int]:
    """Jobs whose rows nobody needs: of episodes, ended long ago, neither the latest that was done nor what is played.

    The latest that was done says what the same file need not be done again for; audits and replacements are history.
    """
    done = max((job.job_id for job in jobs if job.kind is Kind.EPISODE and job.state is JobState.DONE), default=0)
    ended = (job for job in jobs if job.kind is Kind.EPISODE and job.state is not JobState.ACTIVE)
    return [
        job.job_id
        for job in ended
        if job.job_id != done and (not playing or job.hash12 != playing) and now_ms - job.ended_ms >= PRUNED_MS
    ]


class _Episode:
    """The rules."""

    def __init__(self, jobs: Sequence[Past], playing: str, now_ms: int) -> None:
        self._jobs, self._playing, self._now_ms = jobs, playing, now_ms
        published = [job for job in jobs if playing and job.hash12 == playing and job.cdn_ms is not None]
        self._published = published[-1] if published else None

    def why(self, what: What, key: str, hash12: str, age_ms: int) -> Why | None:
        """Why it may go; None: it stays."""
        match what:
            case What.RENDITION | What.POSTERS:
                return self._rendition(hash12, age_ms)
            case What.MEZZANINE:
                return self._all((self._fetched(job) or self._over(job) for job in self._of(hash12)), age_ms)
            case What.SOURCE if age_ms >= KEPT_MS:
                return self._all((self._over(job) for job in self._jobs if job.source == key), age_ms)
            case What.WORK if age_ms >= KEPT_MS:
                return Why.NOBODY
        return None

    def _rendition(self, hash12: str, age_ms: int) -> Why | None:
        plays = self._published
        if plays is None or hash12 == self._playing or self._now_ms - (plays.cdn_ms or 0) < REPLACED_MS:
            return None
        return self._all((self._outdated(job, plays) for job in self._of(hash12)), age_ms)

    def _outdated(self, job: Past, plays: Past) -> Why | None:
        if job.job_id < plays.job_id and JobState.DONE in (job.state, plays.state):  # else it may be retried, and plays
            return Why.REPLACED
        return None if job.state is JobState.DONE else self._over(job)  # done later: the catalogue was put back by hand

    def _over(self, job: Past) -> Why | None:
        """Why nobody begins this job again; None: somebody may."""
        age_ms = self._now_ms - job.ended_ms
        if age_ms < KEPT_MS or job.state is JobState.ACTIVE:
            return None
        if job.state in (JobState.DONE, JobState.CANCELLED):
            return Why.DONE if job.state is JobState.DONE else Why.CANCELLED
        like = (other for other in self._jobs if other.kind is job.kind and other.state is JobState.DONE)
        if any(other.job_id > job.job_id for other in like):
            return Why.REPLACED
        return None if begins_again(job.state, job.ended_ms, self._now_ms) else Why.GIVEN_UP

    def _fetched(self, job: Past) -> Why | None:
        return Why.FETCHED if job.media_id_ms is not None and self._now_ms - job.media_id_ms > FETCHED_MS else None

    def _of(self, hash12: str) -> Iterator[Past]:
        return (job for job in self._jobs if job.hash12 == hash12)

    def _all(self, each: Iterable[Why | None], age_ms: int) -> Why | None:
        """The reason of the latest of those who had it, where none of them needs it."""
        reasons = list(each)
        if not reasons:
            return Why.NOBODY if age_ms >= KEPT_MS else None
        return None if None in reasons else reasons[-1]


def _gone(episode: _Episode, named: Collection[str], lying: Iterable[Heap]) -> Iterator[Leftover]:
    for heap in lying:
        age_ms = episode._now_ms - heap.changed_ms
        if age_ms < FRESH_MS or any(path == heap.key or path.startswith(heap.key) for path in named):
            continue
        what, hash12 = _what(heap.key)
        if (why := episode.why(what, heap.key, hash12, age_ms)) is not None:
            yield Leftover(what, heap.key, why, heap.files, heap.bytes)


def _whole(key: str) -> str | None:
    """The folder or file that goes or stays as a whole; None for what is none of ours, and what Storage cannot name."""
    if not is_key(key):
        return None
    found = _FOLDERS.fullmatch(key)
    return found[1] if found else key if _FILES.fullmatch(key) else None


_TOPS = {
    "hls": What.RENDITION, "posters": What.POSTERS, "work": What.WORK, "mezzanine": What.MEZZANINE,
    "incoming": What.SOURCE,
}  # fmt: skip


def _what(key: str) -> tuple[What, str]:
    """What lies there, and the hash in its name, if any."""
    found = _FOLDERS.fullmatch(f"{key}x") or _FILES.fullmatch(key)
    return _TOPS[key.partition("/")[0]], (found[2] or "") if found else ""
