"""What media jobs leave behind goes when nobody needs it any more: an episode at a time, one after another, for ever.

    Tidier(storage, book, told, now_ms).turn()     # a worker's, every few seconds; two of them take two episodes

What goes is decided in MySQL (infra.media.tidy_book) and written down before anything is touched, so whoever comes
after a kill ends it.  What points goes first: playlists, then what they point at, keys last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from domain.media.leftovers import DAY_MS, KEPT_MS, Heap, Leftover, Lying, What, Why, episode_of, folders_of, heaps
from domain.media.names import is_key
from domain.media.trouble import StepFailed
from infra import failpoints, logs, metrics
from infra.fold_store import Wait
from infra.media.tidy_book import Lost, Taken, TidyBook
from media_jobs.engine import MAX_KEYS, Storage, Unfinished

PAGE = 1_000  # keys that are deleted between two looks at the lease; what COS takes at once
MOST_PAGES = 200  # of one leftover: a rendition has some thousand files
WALK_MS = 3_600_000  # between two walks through what was handed in
AGAIN_MS = DAY_MS  # an episode is looked through once a day
SOON_MS = 60_000  # more was to go than one turn takes

Told = Callable[[int, int, Sequence[str]], set[str]]  # drama, episode, record ids: those that are in ClickHouse

log = logs.get(__name__)


class Turn(NamedTuple):
    """What became of an episode."""

    gone: list[Leftover]
    jobs: int  # whose rows went
    more: bool  # worth another turn at once


@dataclass
class Tidier:
    """One a process.  `now_ms` is Unix time.  All may raise Wait, and StepFailed where storage does not do it."""

    storage: Storage
    book: TidyBook
    told: Told
    now_ms: Callable[[], int]
    _walk_ms: int = 0
    _after: str = ""

    def turn(self) -> bool:
        """A page of what was handed in is looked at, and the episode that is due; whether there was one."""
        self._walk()
        taken = self.book.take()
        if taken is None:
            return False
        try:
            _said(self.episode(taken).gone)
        except Lost:
            log.warning("another one tidies", drama_id=taken.drama_id, episode_no=taken.episode_no)
        except StepFailed as error:
            raise Wait("storage", f"{error.reason}: {error.text}") from error
        return True

    def episode(self, taken: Taken) -> Turn:
        """All that may go of an episode that is ours goes.  Raises Lost."""
        going = taken.going or self.book.decide(taken, self.lying(taken.drama_id, taken.episode_no))
        if going:
            failpoints.reached("media.after_tidy_decided")
        gone = [one for one in going if self._go(taken, one)]
        if going:
            failpoints.reached("media.before_tidied")
        jobs = self._prune(taken) if not going else 0
        self.book.done(taken, SOON_MS if going else AGAIN_MS)
        for one in gone:
            metrics.MEDIA_TIDIED_FILES.labels(one.what).inc(one.files)
            metrics.MEDIA_TIDIED_BYTES.labels(one.what).inc(one.bytes)
        return Turn(gone, jobs, bool(going))

    def preview(self, drama_id: int, episode_no: int) -> list[Leftover]:
        """What would go now."""
        return self.book.preview(drama_id, episode_no, self.lying(drama_id, episode_no))

    def uploads(self, *, dry: bool = False) -> list[Leftover]:
        """Uploads that nobody ended in seven days; they go, unless `dry`."""
        found = self.storage.unfinished(self.now_ms() - KEPT_MS, PAGE)
        if found and not dry:
            self.storage.end(found)
            metrics.MEDIA_TIDIED_FILES.labels(What.UPLOAD).inc(len(found))
            metrics.MEDIA_TIDIED_BYTES.labels(What.UPLOAD).inc(sum(one.size for one in found))
        return [_leftover(one) for one in found]

    def walk(self) -> bool:
        """Episodes of the next page of what was handed in are looked through too; whether there are more pages.

        A file that no job ever named is told by nothing else.
        """
        page = self.storage.listed("incoming/", self._after, PAGE)
        self.book.known(one for one in map(episode_of, (each.key for each in page)) if one is not None)
        self._after = page[-1].key if len(page) == PAGE else ""
        return bool(self._after)

    def lying(self, drama_id: int, episode_no: int) -> list[Heap]:
        """All files of an episode; of very many below one folder the first ones."""
        return heaps(one for folder in folders_of(drama_id, episode_no) for one in self._below(folder))

    def _below(self, folder: str) -> Iterator[Lying]:
        after = ""
        for _ in range(MOST_PAGES * PAGE // MAX_KEYS):
            page = self.storage.listed(folder, after, MAX_KEYS)
            yield from page
            if len(page) < MAX_KEYS:
                return
            after = page[-1].key

    def _walk(self) -> None:
        now_ms = self.now_ms()
        if now_ms < self._walk_ms:
            return
        try:
            if not self.walk():
                self._walk_ms = now_ms + WALK_MS
                _said(self.uploads())
        except StepFailed as error:
            raise Wait("storage", f"{error.reason}: {error.text}") from error

    def _go(self, taken: Taken, one: Leftover) -> bool:
        """False where the catalogue was put back to it by hand since: it stays."""
        if self.book.is_named(one.key):
            log.warning("named again, it stays", key=one.key)
            return False
        if one.what is What.RENDITION:
            self.book.unlist(taken, one.key)
        self._delete(taken, one)
        if one.what is What.RENDITION:
            failpoints.reached("media.before_keys_go")
            self.book.forget_keys(taken, one.key)
        return True

    def _delete(self, taken: Taken, one: Leftover) -> None:
        """Page by page, each under the lease; playlists first.  What is put there meanwhile is found a day later."""
        if not one.key.endswith("/"):
            self._page(taken, [one.key])
            return
        points = [key for key in self.storage.keys(one.key, MAX_KEYS) if key.endswith(".m3u8")]
        self._page(taken, sorted(points, key=lambda key: not key.endswith("/master.m3u8")))
        after = ""
        for _ in range(MOST_PAGES):
            page = self.storage.listed(one.key, after, PAGE)
            self._page(taken, [each.key for each in page])
            if len(page) < PAGE:
                return
            after = page[-1].key

    def _page(self, taken: Taken, keys: Sequence[str]) -> None:
        """What Storage cannot name was put there by other hands, and stays: it must not keep jobs away for ever."""
        self.book.renew(taken)
        self.storage.delete([key for key in keys if is_key(key)])

    def _prune(self, taken: Taken) -> int:
        """Rows of jobs that nobody needs, whose ends are all in ClickHouse; how many jobs.  While it is away: none."""
        gone = 0
        try:
            for one in self.book.ended(taken.drama_id, taken.episode_no):
                if set(one.records) <= self.told(taken.drama_id, taken.episode_no, one.records):
                    self.book.renew(taken)
                    gone += self.book.prune(one)
        except Wait as error:
            log.warning("rows of old jobs stay", store=error.store, error=str(error)[:300])
        metrics.MEDIA_JOBS_PRUNED.inc(gone)
        return gone


def _said(gone: Sequence[Leftover]) -> None:
    for one in gone:
        log.info("tidied", what=one.what, key=one.key, why=one.why, files=one.files, bytes=one.bytes)


def _leftover(one: Unfinished) -> Leftover:
    return Leftover(What.UPLOAD, one.name, Why.NOBODY, 1, one.size)
