"""Opens feeds again and again: while there is anything new, nothing comes twice, nothing that was seen comes back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set

from domain.playback import VALID_MS
from juliu.demo import lists
from juliu.demo.hits import LENGTH
from juliu.demo.log import WatchLog
from juliu.load.client import Client

VIEWERS = 50
OPENS = 20


def seen(before: WatchLog, durations_ms: Mapping[int, int]) -> dict[int, set[int]]:
    """Dramas that each viewer had a valid play of."""
    found: dict[int, set[int]] = {}
    for shown in before.exposures():
        if shown.play_ms >= min(VALID_MS, durations_ms[shown.drama_id]):
            found.setdefault(shown.user_id, set()).add(shown.drama_id)
    return found


async def pages(client: Client, viewers: Sequence[int]) -> list[Mapping[int, Sequence[int]]]:
    """The first page of each viewer's feed, OPENS times, one after the other.

    Raises BadList, also for a page that is not full (of nothing nothing comes again), and GaveUp.
    """
    opened: list[Mapping[int, Sequence[int]]] = [await lists.feeds(client, viewers) for _ in range(OPENS)]
    for at_once in opened:
        if short := [viewer for viewer, dramas in at_once.items() if len(dramas) < LENGTH]:
            raise lists.BadList(f"GET /v1/feed: viewer {short[0]} got {len(at_once[short[0]])} dramas for {LENGTH}")
    return opened


def repeated(
    opened: Sequence[Mapping[int, Sequence[int]]], before: Mapping[int, Set[int]]
) -> Iterator[tuple[int, int, int]]:
    """(viewer, open from 1, drama) of what was in a page before, or seen `before` all of them."""
    known: dict[int, set[int]] = {}
    for number, at_once in enumerate(opened, 1):
        for viewer, dramas in at_once.items():
            mine = known.setdefault(viewer, set(before.get(viewer, ())))
            for drama in dramas:
                if drama in mine:
                    yield viewer, number, drama
                mine.add(drama)
