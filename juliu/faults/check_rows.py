"""Compares ClickHouse with the truth of a partition: plain counts, no FINAL, every row against the record it is of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clickhouse_connect.driver.client import Client

from juliu.faults.check_truth import Identity, Problems, Truth

COLUMNS = (
    "event_type, toString(event_id), user_id, session_id, seq, toString(play_id), drama_id, drama_index, episode_no,"
    " toUnixTimestamp64Milli(ts), toUnixTimestamp64Milli(received_at), from_ms, to_ms, duration_ms, qualified,"
    " toUnixTimestamp64Milli(device_at), clock_reset, late, first_frame_ms, wall_ms, reason, request_id, position,"
    " source, rule, app_id, platform, version, network, scene, arm, propensity"
)
USER, SESSION, SEQ = 2, 3, 4
ROWS_SQL = "SELECT offset, {columns} FROM {table} WHERE partition = {p} ORDER BY offset"
COUNTS_SQL = """
SELECT count(), uniqExact(user_id, session_id, seq), uniqExact(event_id), uniqExact(partition, offset) FROM {table}
"""
BLOCKS_SQL = (
    "SELECT first, last, records, blocks.rows, late, repeats, poison FROM blocks WHERE partition = {p} ORDER BY first"
)
Row = Sequence[Any]


@dataclass(frozen=True)
class Counts:
    """Plain counts of a table: rows, identities, labels, places in the log."""

    rows: int
    identities: int
    labels: int
    places: int


def counts(client: Client, table: str) -> Counts:
    """As an analyst would ask."""
    return Counts(*map(int, client.query(COUNTS_SQL.format(table=table)).result_rows[0]))


def stored(client: Client, table: str, p: int) -> Iterator[Row]:
    """(offset, *COLUMNS) of a partition, in the order of offsets."""
    with client.query_row_block_stream(ROWS_SQL.format(columns=COLUMNS, table=table, p=p)) as blocks:
        for block in blocks:
            yield from block


def compare(must: Mapping[int, int], rows: Iterable[Row], table: str, found: Problems) -> set[Identity]:
    """Rows against `must` (offset -> content); the identities that are there.  Each offset exactly once."""
    identities: set[Identity] = set()
    offsets: set[int] = set()
    for offset, *content in rows:
        identities.add((content[USER], content[SESSION], content[SEQ]))
        if offset not in must:
            found.add(f"a row of {table} that must not be", (offset, content))
        elif offset in offsets:
            found.add(f"a record twice in {table}", (offset, content))
        elif hash(tuple(content)) != must[offset]:
            found.add(f"a row of {table} that is not its record", (offset, content))
        offsets.add(offset)
    for offset in must.keys() - offsets:
        found.add(f"a record without its row in {table}", offset)
    return identities


def check_rows(client: Client, truth: Truth, found: Problems) -> int:
    """All of a partition; how many events that were answered 202 are in neither table."""
    p = truth.partition
    there = compare(truth.rows, stored(client, "events", p), "events", found)
    late = compare(truth.late, stored(client, "late_events", p), "late_events", found)
    for identity in sorted(truth.acked - there - late)[:20]:
        found.add("answered 202 and in no table", identity)
    check_blocks(client.query(BLOCKS_SQL.format(p=p)).result_rows, truth, found)
    return len(truth.acked - there - late)


def check_blocks(blocks: Sequence[Row], truth: Truth, found: Problems) -> None:
    """The chain is whole from the beginning, and its sums are those of the log."""
    end = 0
    for first, last, records, *_ in blocks:
        if first != end or records != last - first + 1:
            found.add("a break in the chain of blocks", (truth.partition, first, last, f"after {end - 1}"))
        end = last + 1
    sums = [sum(block[column] for block in blocks) for column in range(3, 7)]
    must = [len(truth.rows), len(truth.late), truth.repeats, len(truth.poison)]
    if sums != must:
        found.add("sums of blocks (rows, late, repeats, poison)", (truth.partition, sums, "for", must))
    behind = [offset for offset in (*truth.rows, *truth.late) if offset >= end]
    if behind:
        found.add("events behind the last block", (truth.partition, len(behind), "from", min(behind)))
