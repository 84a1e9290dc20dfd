"""The numbers that readers are told against the sums of the partitions' own, while both go on.

A drama can be compared when no partition has changed it behind what was merged: then its row has been the sum since.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple, cast

import redis

from domain import canary, counters, keys
from juliu.verify.found import Report
from juliu.verify.pages import DRAMAS, Moved, Pages

ROUNDS = 20
PAUSE_S = 0.5  # the merge task follows about every second
EVERYWHERE = -1  # in place of a partition


class Cursors(NamedTuple):
    """What was merged: by whom, and of each partition the namespace and offset."""

    stamp: bytes
    places: Mapping[int, tuple[int, int]]


def check(
    client: redis.Redis, places: Mapping[int, int], report: Report, pause: Callable[[float], None] = time.sleep
) -> None:
    """Compare the merged row of every drama; `places`: partition -> namespace, of all of them.  Raises RedisError."""
    parts = {p: Pages(client, p, namespace) for p, namespace in places.items()}
    first = cursors(client)
    if not first.stamp:
        report.notes.append("numbers for readers were never merged: the counters worker of partition 0 does that")
        return
    left = sorted(_dramas(client, parts.values()))
    try:
        for _ in range(ROUNDS):
            left = [drama for page in _pages(left) for drama in _page(client, parts, page, report)]
            if not left:
                return
            pause(PAUSE_S)
    except Moved as error:
        report.unknown.append(f"{error}: numbers for readers were not compared")
        return
    if cursors(client).stamp == first.stamp:
        report.unknown.append(f"{len(left)} dramas changed and nobody merges their numbers for readers")
    else:
        report.notes.append(f"{len(left)} dramas change too fast for their numbers for readers to be compared")


def cursors(client: redis.Redis) -> Cursors:
    """As they are now."""
    found = cast(dict[bytes, bytes], client.hgetall(keys.MERGED))
    stamp = found.pop(b"stamp", b"")
    return Cursors(stamp, {int(p): _place(value) for p, value in found.items()})


def _place(value: bytes) -> tuple[int, int]:
    namespace, offset = value.split(b",")
    return int(namespace), int(offset)


def _dramas(client: redis.Redis, parts: Iterable[Pages]) -> set[int]:
    """Every drama that has a row or a number, without the canary's."""
    merged = {int(drama) for drama, _ in client.hscan_iter(keys.COUNTERS, count=2_000)}
    return merged.union(*(pages.dramas()[0] for pages in parts)) - {canary.DRAMA_ID}


def _pages(dramas: Sequence[int]) -> Iterable[Sequence[int]]:
    return (dramas[at : at + DRAMAS] for at in range(0, len(dramas), DRAMAS))


def _page(client: redis.Redis, parts: Mapping[int, Pages], dramas: Sequence[int], report: Report) -> list[int]:
    """Compare what can be; the dramas that cannot yet."""
    merged = cursors(client)  # first: what it says was merged is in every row that is read after it
    rows = cast(list[bytes | None], client.hmget(keys.COUNTERS, [str(drama) for drama in dramas]))
    sums: dict[int, Counter[str]] = {drama: Counter() for drama in dramas}
    left: set[int] = set()
    for p, pages in parts.items():
        page = pages.page(dramas)
        namespace, offset = merged.places.get(p, (-1, -1))
        for drama in dramas:
            sums[drama].update(page.numbers[drama])
            if namespace != pages.namespace or page.changed.get(drama, -1) > offset:
                left.add(drama)
    for drama, row in zip(dramas, rows, strict=True):
        if drama not in left:
            _compare(drama, counters.decode(row), sums[drama], report)
    return sorted(left)


def _compare(drama: int, told: Mapping[str, int], must: Mapping[str, int], report: Report) -> None:
    for name, n in told.items():
        if n != must.get(name, 0):
            report.differs(
                "merged number", EVERYWHERE, f"drama {drama}, {name}", n, f"{must.get(name, 0)} in the parts"
            )
