"""All episodes looked through at once for what media jobs left behind; a worker does it one after another, for ever."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from domain.media.leftovers import Leftover
from infra.media.tidy_book import PAGE, Lost, TidyBook
from media_jobs.tidy import Tidier

MOST_PAGES = 10_000  # of what was handed in, and of uploads that nobody ended


class Tidied(msgspec.Struct):
    """What went, or would go; `busy` are episodes that a worker has under way."""

    gone: list[Leftover] = msgspec.field(default_factory=list)
    jobs: int = 0
    episodes: int = 0
    busy: int = 0

    @property
    def bytes(self) -> int:
        """Of all of it, as far as is known."""
        return sum(one.bytes for one in self.gone)


def tidy(tidier: Tidier, book: TidyBook, drama_id: int, *, dry: bool, say: Callable[[Leftover], None]) -> Tidied:
    """Of one drama, or of all where it is 0; `say` hears of each.

    `dry`: nothing is deleted; only that there are episodes is written down.  Raises Wait, StepFailed: what was told is
    done, the same again does the rest.
    """
    done = Tidied()
    for _ in range(MOST_PAGES):
        if not tidier.walk():
            break
    for which in _episodes(book, drama_id):
        done.episodes += 1
        _add(done, _one(tidier, book, which, done, dry=dry), say)
    for _ in range(0 if drama_id else MOST_PAGES):
        found = tidier.uploads(dry=dry)
        _add(done, found, say)
        if dry or not found:
            break
    return done


def _one(tidier: Tidier, book: TidyBook, which: tuple[int, int], done: Tidied, *, dry: bool) -> list[Leftover]:
    if dry:
        return tidier.preview(*which)
    gone: list[Leftover] = []
    while (taken := book.take(which)) is not None:
        try:
            turn = tidier.episode(taken)
        except Lost:
            break
        gone, done.jobs = gone + turn.gone, done.jobs + turn.jobs
        if not turn.more:
            return gone
    done.busy += 1
    return gone


def _add(done: Tidied, found: list[Leftover], say: Callable[[Leftover], None]) -> None:
    done.gone += found
    for one in found:
        say(one)


def _episodes(book: TidyBook, drama_id: int) -> Iterator[tuple[int, int]]:
    after = (drama_id, 0)
    while True:
        page = book.page(after)
        mine = [which for which in page if drama_id in (0, which[0])]
        yield from mine
        if len(page) < PAGE or len(mine) < len(page):
            return
        after = page[-1]
