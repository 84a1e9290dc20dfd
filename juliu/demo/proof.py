"""The proof: what was sent = rows in ClickHouse = counters in Redis, compared type by type and drama by drama."""
# ruff: noqa: S608 - its statements are constants

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from domain import canary, counters
from infra.settings import Settings
from juliu.demo.ledger import COUNTED, Ledger
from juliu.load import sql

SHOWN = 10  # differences that are told
ROWS_SQL = f"""
SELECT event_type, count(), uniqExact(user_id, session_id, seq), uniqExact(event_id) FROM events
WHERE event_type != 'unlocked' AND drama_id != {canary.DRAMA_ID} GROUP BY event_type
"""  # what the server itself said is proved by juliu.demo.shop; the schedule's canary is nobody's
LATE_SQL = f"SELECT count() FROM late_events WHERE drama_id != {canary.DRAMA_ID}"


class Rows(NamedTuple):
    """Rows of one event type: how many, how many identities, how many labels."""

    stored: int
    distinct: int
    labels: int


def read_rows(settings: Settings) -> tuple[dict[str, Rows], int]:
    """What is in `events`, by type, and how many rows `late_events` has."""
    counts, late = sql.ask(settings, ROWS_SQL, LATE_SQL)
    rows = {str(kind): Rows(int(stored), int(distinct), int(labels)) for kind, stored, distinct, labels in counts.rows}
    return rows, int(late.rows[0][0])


def rows_differ(ledger: Ledger, rows: Mapping[str, Rows], late: int) -> list[str]:
    """What in ClickHouse is not as it was sent, in words; empty when it is equal."""
    out = [
        f"ClickHouse: {kind}: {ledger.events[kind]:,} sent, {found.stored:,} rows, {found.distinct:,} distinct"
        for kind in sorted(ledger.events.keys() | rows.keys())
        if {ledger.events[kind]} != set(found := rows.get(kind, Rows(0, 0, 0)))
    ]
    return out + ([f"ClickHouse: {late:,} rows in late_events"] if late else [])


def counters_differ(ledger: Ledger, merged: Mapping[int, str | bytes]) -> list[str]:
    """What in Redis is not as it was sent, in words, the first SHOWN dramas; `merged` is the hash keys.COUNTERS."""
    out: list[str] = []
    for drama_id in sorted(ledger.dramas.keys() | merged.keys()):
        found, sent = counters.decode(merged.get(drama_id)), ledger.dramas.get(drama_id, Counter[str]())
        wrong = [f"{name} {found[name]:,} for {sent[name]:,}" for name in found if found[name] != sent[name]]
        if wrong:
            out.append(f"Redis: drama {drama_id}: {', '.join(wrong)}")
        if len(out) == SHOWN:
            break
    return out


def totals(merged: Mapping[int, str | bytes]) -> dict[str, int]:
    """The counters of all dramas together, as far as the ledger counts them."""
    decoded = [counters.decode(row) for row in merged.values()]
    return {name: sum(row[name] for row in decoded) for name in COUNTED}
