"""Redis's numbers against the same numbers by SQL, at the same fence, while both go on.

A page is read with its fence; then ClickHouse is waited for and asked for the numbers up to there.  To ask it seldom,
all pages of a round are compared at the fence of the round's first: a drama that has changed since is left for the
next round.  What differs is read once more by itself, so that nothing is told that only looked so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from infra.clickhouse import totals
from juliu.places import Servers
from juliu.verify.found import Compared, Report
from juliu.verify.pages import DRAMAS, Moved, Pages

ROUNDS = 50
Numbers = Mapping[int, Mapping[str, int]]
Stored = Callable[[int, int], bool]  # (partition, offset): waits; whether ClickHouse has everything up to there


@dataclass
class Part:
    """One partition on its way: dramas still to be compared, and those that looked wrong with how."""

    pages: Pages
    compared: Compared
    left: list[int]
    known: set[int]
    suspects: list[int] = field(default_factory=list)


def check(
    servers: Servers, places: Mapping[int, int], stored: Stored, compared: list[Compared], report: Report
) -> None:
    """Compare all numbers of these partitions (partition -> namespace)."""
    parts = {p: _part(servers, p, namespace, compared[p], report) for p, namespace in places.items()}
    for _ in range(ROUNDS):
        if not any(part.left for part in parts.values()):
            break
        _round(servers, parts, stored, report)
    for p, part in parts.items():
        if part.left:
            report.unknown.append(f"partition {p}: {len(part.left)} dramas changed too fast to be compared")
    _confirm(servers, parts, stored, report)


def _part(servers: Servers, p: int, namespace: int, compared: Compared, report: Report) -> Part:
    pages = Pages(servers.redis, p, namespace)
    dramas, strange = pages.dramas()
    for name in strange[:DRAMAS]:
        report.differs("counter", p, f"field {name}", "there", "no such counter")
    compared.dramas = len(dramas)
    return Part(pages, compared, sorted(dramas) or [0], dramas | {0})


def _round(servers: Servers, parts: dict[int, Part], stored: Stored, report: Report) -> None:
    """Compare every drama that has not changed since the first page of its partition was read."""
    upto: dict[int, int] = {}
    numbers: dict[int, dict[int, dict[str, int]]] = {}
    for p, part in list(parts.items()):
        if not part.left:
            continue
        try:
            upto[p], numbers[p], part.left = read(part)
        except Moved as error:
            _give_up(p, parts, str(error), report)
    for p, fence in list(upto.items()):
        if not stored(p, fence):
            _give_up(p, parts, f"the store has not come to offset {fence}", report)
            del upto[p]
    for p, wanted in totals.of_partitions(servers.clickhouse, upto).items():
        part = parts[p]
        new = wanted.keys() - part.known
        part.known |= new
        part.left += sorted(new)
        part.compared.counters = _summed(wanted)
        part.suspects += [drama for drama, found in numbers[p].items() if found != wanted.get(drama, {})]


def _give_up(p: int, parts: dict[int, Part], why: str, report: Report) -> None:
    report.unknown.append(f"partition {p}: {why}: its numbers were not compared")
    del parts[p]


def read(part: Part) -> tuple[int, dict[int, dict[str, int]], list[int]]:
    """A fence, the numbers that are right at it, and the dramas whose numbers are of a later one."""
    fence, numbers, later = -1, dict[int, dict[str, int]](), list[int]()
    for i, page in enumerate(part.pages.pages(part.left)):
        fence = page.fence if i == 0 else fence
        for drama, found in page.numbers.items():
            if page.changed.get(drama, -1) <= fence:
                numbers[drama] = found
            else:
                later.append(drama)
    return fence, numbers, later


def _confirm(servers: Servers, parts: dict[int, Part], stored: Stored, report: Report) -> None:
    """Read what looked wrong once more, a page by itself; what is wrong again is a difference."""
    for p, part in parts.items():
        suspects = sorted(part.suspects)
        if not suspects:
            continue
        try:
            page = part.pages.page(suspects[:DRAMAS])
        except Moved as error:
            report.unknown.append(f"partition {p}: {error}: {len(suspects)} dramas looked wrong")
            continue
        if not stored(p, page.fence):
            report.unknown.append(f"partition {p}: {len(suspects)} dramas looked wrong; the store stands still")
            continue
        wanted = totals.totals(servers.clickhouse, p, page.fence, suspects[:DRAMAS])
        for drama, found in page.numbers.items():
            _compare(p, drama, found, wanted.get(drama, {}), report)
        if len(suspects) > DRAMAS:
            report.more["counter"] = report.more.get("counter", 0) + len(suspects) - DRAMAS


def _compare(p: int, drama: int, found: Mapping[str, int], wanted: Mapping[str, int], report: Report) -> None:
    for name in sorted(found.keys() | wanted.keys()):
        here, there = found.get(name, 0), wanted.get(name, 0)
        if here != there:
            report.differs("counter", p, f"drama {drama}, {name}", f"Redis {here}", f"ClickHouse {there}")


def _summed(wanted: Numbers) -> dict[str, int]:
    sums: dict[str, int] = {}
    for numbers in wanted.values():
        for name, n in numbers.items():
            sums[name] = sums.get(name, 0) + n
    return sums
