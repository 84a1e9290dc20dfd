"""The numbers of dramas up to given offsets, by SQL: what the counters' fold has there, exactly.

`events` holds every event that was counted, once, so the numbers at a fence are a function of its rows.  A playback
whose threshold or content depends on the order of its events (irregular: see IRREGULAR) is folded by domain.playback.
"""
# ruff: noqa: S608

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from clickhouse_connect.driver.client import Client

from domain import counters, playback
from domain.content import MAX_RANGES

Numbers = dict[int, dict[str, int]]  # drama -> counter name -> number, without zeros

ROWS_A_SLICE = 4_000_000  # of one query; a playback's state is about 200 bytes in ClickHouse

# rows up to the offsets that are asked for, of the viewers of one slice
UPTO = "partition < length({upto:Array(Int64)}) AND toInt64(offset) <= {upto:Array(Int64)}[partition + 1]"
SLICE = "intHash64(user_id) % {slices:UInt32} = {slice:UInt32}"

COUNTED = {
    "impression": counters.IMPRESSIONS, "clicked": counters.CLICKS, "play_started": counters.STARTS,
    "play_ended": counters.ENDS, "shared": counters.SHARES, "unlocked": counters.UNLOCKS, "refunded": counters.UNLOCKS,
}  # fmt: skip
TAKES_OFF = frozenset({"refunded"})
REACTED = {"like": counters.LIKES, "follow": counters.FOLLOWS, "dislike": counters.DISLIKES}
FIRED = (counters.VIEWS, counters.VALID_PLAYS, counters.LONG_PLAYS, counters.COMPLETES)

# of the heartbeats and ends of one playback: what they add up to depends on their order
_END = "least(to_ms, duration_ms)"
IRREGULAR = (
    "min(drama_id) != max(drama_id) OR min(duration_ms) != max(duration_ms)"
    f" OR countIf(from_ms < {_END}) > {MAX_RANGES}"
)
_WATCHED = "event_type IN ('heartbeat', 'play_ended')"
_PLAY = "user_id, session_id, play_id"

_COUNTS = f"""
SELECT partition, drama_id, event_type, count() FROM events
WHERE event_type IN ({", ".join(f"'{kind}'" for kind in COUNTED)}) AND {UPTO}
GROUP BY partition, drama_id, event_type
"""

_PLAYS = f"""
SELECT p, drama, sumIf(watched, regular), countIf(regular AND watched >= least({playback.VIEW_MS}, length_ms)),
    countIf(regular AND watched >= least({playback.VALID_MS}, length_ms)),
    countIf(regular AND watched >= least({playback.LONG_MS}, length_ms)),
    countIf(regular AND watched * 1000 >= length_ms * {playback.COMPLETE_PERMILLE}), countIf(NOT regular)
FROM
(
    SELECT
        any(partition) AS p, any(drama_id) AS drama, max(duration_ms) AS length_ms, NOT ({IRREGULAR}) AS regular,
        intervalLengthSumIf(from_ms, {_END}, from_ms < {_END}) AS watched
    FROM events WHERE {_WATCHED} AND {UPTO} AND {SLICE}
    GROUP BY {_PLAY}
    HAVING watched > 0
)
GROUP BY p, drama
"""

_IRREGULAR_ROWS = f"""
SELECT user_id, session_id, play_id, partition, drama_id, from_ms, to_ms, duration_ms FROM events
WHERE {_WATCHED} AND {UPTO} AND {SLICE} AND ({_PLAY}) IN
    (SELECT {_PLAY} FROM events WHERE {_WATCHED} AND {UPTO} AND {SLICE} GROUP BY {_PLAY} HAVING {IRREGULAR})
ORDER BY {_PLAY}, offset
"""

_REACTIONS = f"""
SELECT p, drama_id, kind, sum(is_on) FROM
(
    SELECT
        any(partition) AS p, drama_id,
        multiIf(event_type IN ('liked', 'unliked'), 'like', event_type = 'disliked', 'dislike', 'follow') AS kind,
        argMax(event_type IN ('liked', 'followed', 'disliked'), (ts, session_id, seq)) AS is_on
    FROM events
    WHERE event_type IN ('liked', 'unliked', 'followed', 'unfollowed', 'disliked') AND {UPTO} AND {SLICE}
    GROUP BY kind, user_id, drama_id, episode_no
)
GROUP BY p, drama_id, kind
"""


def totals(client: Client, partition: int, upto: int, dramas: Collection[int] | None = None) -> Numbers:
    """The numbers of one partition up to and with the record `upto` (-1: none); of these dramas alone, where given.

    Costs what all dramas cost: a playback may touch several.  Raises clickhouse_connect's ClickHouseError.
    """
    found = of_partitions(client, {partition: upto})[partition]
    return found if dramas is None else {drama: found[drama] for drama in dramas if drama in found}


def of_partitions(client: Client, upto: Mapping[int, int]) -> dict[int, Numbers]:
    """The numbers of each partition up to and with the offset that it stands for.

    One pass over the table for all partitions; memory is bounded by reading it in slices of viewers.
    """
    found: dict[int, Counter[tuple[int, int]]] = {p: Counter() for p in upto}
    for p, drama, counter, n in plain_counts(client, upto):
        found[p][drama, counter] += n
    for which in slices(client, upto):
        _plays(client, which, found)
        for p, drama, kind, n in rows_of(client, _REACTIONS, which):
            found[p][drama, REACTED[kind]] += n
    return {p: _named(numbers) for p, numbers in found.items()}


def plain_counts(client: Client, upto: Mapping[int, int]) -> Iterator[tuple[int, int, int, int]]:
    """(partition, drama, counter, number) of what is counted event by event."""
    for p, drama, kind, n in rows_of(client, _COUNTS, bounds(upto)):
        yield p, drama, COUNTED[kind], -n if kind in TAKES_OFF else n


def bounds(upto: Mapping[int, int]) -> dict[str, Any]:
    """The parameter of UPTO."""
    return {"upto": [upto.get(p, -1) for p in range(max(upto, default=-1) + 1)]}


def slices(client: Client, upto: Mapping[int, int], rows: int = 0) -> list[dict[str, Any]]:
    """The parameters of UPTO and SLICE, one a slice of viewers with about `rows` (0: ROWS_A_SLICE)."""
    there = int(client.command(f"SELECT count() FROM events WHERE {UPTO}", parameters=bounds(upto)))  # type: ignore[arg-type]
    number = max(1, -(-there // (rows or ROWS_A_SLICE)))
    return [bounds(upto) | {"slices": number, "slice": at} for at in range(number)]


def _plays(client: Client, which: dict[str, Any], found: dict[int, Counter[tuple[int, int]]]) -> None:
    irregular = 0
    for p, drama, content_ms, *fired, others in rows_of(client, _PLAYS, which):
        found[p][drama, counters.CONTENT_MS] += content_ms
        for counter, n in zip(FIRED, fired, strict=True):
            found[p][drama, counter] += n
        irregular += others
    if irregular:
        for _, rows in groupby(rows_of(client, _IRREGULAR_ROWS, which), itemgetter(0, 1, 2)):
            _fold((row[3:] for row in rows), found)


def _fold(rows: Iterable[Sequence[Any]], found: dict[int, Counter[tuple[int, int]]]) -> None:
    """One playback, in the order of the log, as the counters' fold does it."""
    play = playback.NEW
    for p, drama, from_ms, to_ms, duration_ms in rows:
        fresh, fired, play = playback.watch(play, from_ms, to_ms, duration_ms)
        found[p][drama, counters.CONTENT_MS] += fresh
        for bit, counter in zip((playback.VIEW, playback.VALID, playback.LONG, playback.COMPLETE), FIRED, strict=True):
            found[p][drama, counter] += bool(fired & bit)


def rows_of(
    client: Client, sql: str, parameters: dict[str, Any], settings: dict[str, Any] | None = None
) -> Iterator[Sequence[Any]]:
    """The rows of a statement as they come."""
    with client.query_rows_stream(sql, parameters=parameters, settings=settings) as rows:
        yield from rows


def _named(numbers: Mapping[tuple[int, int], int]) -> Numbers:
    named: Numbers = {}
    for (drama, counter), n in numbers.items():
        if n:
            named.setdefault(drama, {})[counters.COUNTERS[counter]] = n
    return named
