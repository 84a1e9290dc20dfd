"""What an archive does not have yet, from the log: blocks cut again, rows judged again by windows of the rows before.

Both are functions of the log alone, so what comes out is what was there; a block that is there tells its rows.

An insert puts in what is not there, as of when it began.  That of a rebuild that was killed may still be under way when
the next one looks, and land later; so it carries a token which is the same in each, and ClickHouse takes one of them.
"""
# ruff: noqa: S608

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.external import ExternalData

from domain import fences, keys, window
from domain.blocks import MAX_LIMIT, Block, Cutter, limit_asked
from domain.rows import RowFold
from domain.topics import EVENTS, PULSE_KEY
from infra.clickhouse.bulk import Bulk
from infra.clickhouse.clickhouse_row_store import anew, line
from infra.clickhouse.columns import COLUMNS, EXPRESSIONS, STRUCTURE
from infra.clickhouse.row_store import Insert, Stored
from infra.log_reader import Entry, LogReader
from infra.settings import Settings
from juliu.archive.cells import tab_separated
from juliu.rebuild.gaps import Gap
from juliu.rebuild.refused import Refused
from streams import records, store_block

MOST_SESSIONS = 5_000_000  # whose windows are held, about 300 bytes each

BATCH = 20_000  # records
TIMES = 10  # that an insert is sent: to store, to see, and once for each time that its rows were deleted since

Session = tuple[int, str]  # user_id, session_id

_WINDOWS = """
SELECT user_id, session_id, seq, intDiv(toUnixTimestamp64Milli(received_at), {hour:Int64}) FROM events
WHERE partition = {p:UInt16} AND toInt64(offset) < {first:Int64}
    AND received_at >= fromUnixTimestamp64Milli({since:Int64})
    AND (user_id, session_id) IN (SELECT user_id, session_id FROM asked)
ORDER BY user_id, session_id, offset
"""
_THERE = (
    "SELECT offset FROM {table} WHERE partition = {{p:UInt16}} AND offset BETWEEN {{first:UInt64}} AND {{last:UInt64}}"
)
_ROWS = {
    table: f"INSERT INTO {table} ({COLUMNS}) SELECT {EXPRESSIONS} FROM input('{STRUCTURE}')"
    f" WHERE toUInt64(offset) NOT IN ({_THERE.format(table=table)}) FORMAT JSONEachRow"
    for table in store_block.TABLES
}
_BLOCK = (
    "INSERT INTO blocks (partition, first, last, records, rows, late, repeats, poison, next_limit, at) SELECT"
    " {p:UInt16}, {first:UInt64}, {last:UInt64}, {last:UInt64} - {first:UInt64} + 1, {rows:UInt32}, {late:UInt32},"
    " {repeats:UInt32}, {poison:UInt32}, {next_limit:UInt32}, fromUnixTimestamp64Milli({at:Int64}, 'Asia/Shanghai')"
    " WHERE NOT EXISTS (SELECT 1 FROM blocks WHERE partition = {p:UInt16} AND first = {first:UInt64})"
)
_OPTIONS = {
    # one part, whatever its size: a token is kept for each part
    "max_threads": "1",
    "max_insert_threads": "1",
    "max_block_size": str(MAX_LIMIT),
    "max_insert_block_size": str(MAX_LIMIT),
    "min_insert_block_size_rows": str(MAX_LIMIT),
    "min_insert_block_size_bytes": "0",
    "input_format_parallel_parsing": "0",
    "input_format_skip_unknown_fields": "1",
    "optimize_on_insert": "0",
    # the token must count, for INSERT SELECT too: else refuse
    "async_insert": "0",
    "deduplicate_insert": "enable",
    "deduplicate_insert_select": "force_enable",
}


class Tail:
    """Brings back what gaps lack of one month; a context manager, for one thread."""

    def __init__(self, settings: Settings, client: Client, month: int) -> None:
        self._client, self._bulk, self._month = client, Bulk(settings), month
        self._partitions = settings.partitions
        self._log = LogReader(settings)

    def __enter__(self) -> Tail:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._log.__exit__(kind, error, at)

    def lost(self, gap: Gap) -> str:
        """Why the log cannot fill the gap; empty where it can.  Raises KafkaException."""
        begin, end = self._log.bounds(gap.partition)
        if begin <= gap.first and gap.last < end:
            return ""
        return (
            f"partition {gap.partition}: what is missing of {gap.first}-{gap.last} is neither in the archive nor in the"
            f" log, which holds {begin} to before {end}"
        )

    def restore(self, gap: Gap) -> Counter[str]:
        """Rows and blocks that were put in, by table.  Raises Refused where log and blocks differ."""
        fold, done = RowFold(gap.partition, 0), Counter[str]()
        fold.state.max_held = MOST_SESSIONS
        known = self._windows(gap)
        for block, taken, next_limit in self._cut(gap):
            read, poison = records.read_all(taken, gap.partition, self._partitions)
            prepared = fold.prepare(zip([record.offset for record in taken], read, strict=True))
            fold.state.fill([[known.get(key)] for key in fold.state.missing])
            verdicts = fold.judge(prepared)
            fold.effects(prepared, next_limit)
            what = store_block.content(gap.partition, taken, read, verdicts, len(poison), next_limit=next_limit)
            self._check(gap, block, what.stored)
            for insert in what.inserts:
                if insert.month == self._month:
                    done[insert.table] += self._insert(insert)
            if block.first not in gap.blocks:
                done["blocks"] += self._close(gap.partition, block, what.stored, taken[-1].timestamp)
        return done

    def _cut(self, gap: Gap) -> Iterator[tuple[Block, Sequence[Entry], int]]:
        """The gap's blocks, with their records and the limit of the block after each."""
        cutter, taken = Cutter(gap.first, gap.limit), list[Entry]()
        for entry in self._log.records(gap.partition, gap.first, gap.last + 1):
            if entry.offset != cutter.next:
                raise Refused(f"partition {gap.partition}: the log lacks {cutter.next} to {entry.offset - 1}")
            taken.append(entry)
            pulse = entry.key == PULSE_KEY
            block = cutter.take(entry.offset, pulse, limit_asked(entry.value) if pulse else None)
            if block is not None:
                yield block, taken, cutter.limit
                taken = []
        if taken:
            raise Refused(f"partition {gap.partition}: {taken[0].offset}-{gap.last} end inside a block")
        if cutter.next != gap.last + 1:
            raise Refused(f"partition {gap.partition}: the log did not give {cutter.next}-{gap.last}; again")

    def _check(self, gap: Gap, block: Block, stored: Stored) -> None:
        """A block that is there is the same one; one that is not lies where none is."""
        told = gap.blocks.get(block.first)
        if told is None:
            if any(block.first <= each.first <= block.last for each in gap.blocks.values()):
                raise Refused(f"partition {gap.partition}: {block.first}-{block.last} was cut otherwise before")
        elif (told.last, told.rows, told.late) != (block.last, stored.rows, stored.late):
            raise Refused(
                f"partition {gap.partition}: {block.first}-{told.last} had {told.rows} rows and {told.late} late ones,"
                f" by the log {block.first}-{block.last}: {stored.rows} and {stored.late}; rows before it are missing"
            )

    def _windows(self, gap: Gap) -> dict[str, str]:
        """By key, the windows at the gap's beginning of the sessions that it goes on with, from the rows before it."""
        sessions, since_ms = self._sessions(gap)
        if not sessions:
            return {}
        lines = "".join(f"{user}\t{tab_separated(session)}\n" for user, session in sessions)
        asked = ExternalData(
            file_name="asked.tsv", data=lines.encode(), fmt="TSV", structure="user_id UInt64, session_id String"
        )
        which = {"p": gap.partition, "first": gap.first, "since": since_ms, "hour": window.HOUR_MS}
        found: dict[Session, window.Window] = {}
        with self._client.query_rows_stream(_WINDOWS, which, external_data=asked) as rows:
            for user, session, seq, hour in rows:
                at = (user, session)
                found[at] = window.add(found.get(at, window.EMPTY), seq, hour)[1]
        return {keys.session("store", 0, gap.partition, *at): window.encode(held) for at, held in found.items()}

    def _sessions(self, gap: Gap) -> tuple[set[Session], int]:
        """Those of the gap's events, and the time of receipt before which no window of theirs can have lived."""
        found, since_ms = set[Session](), 2**62
        batch: list[Entry] = []
        for entry in self._log.records(gap.partition, gap.first, gap.last + 1):
            batch.append(entry)
            if len(batch) == BATCH or entry.offset == gap.last:
                for event in records.read_all(batch, gap.partition, self._partitions)[0]:
                    if event is not None and not event.late:
                        found.add((event.user_id, event.session_id))
                        since_ms = min(since_ms, event.received_at_ms)
                batch = []
        if len(found) > MOST_SESSIONS:
            raise Refused(f"partition {gap.partition}: {len(found):,} sessions in the gap, more than {MOST_SESSIONS:,}")
        return found, max(0, since_ms - keys.SESSION_LIFE_S * 1000) if found else 0

    def _insert(self, insert: Insert) -> int:
        """The rows of an insert that the table lacked."""
        body = b"\n".join(line(insert.partition, offset, anew(value)) for offset, value in insert.rows)
        block = {"p": insert.partition, "first": insert.block.first, "last": insert.block.last}
        return self._put(_ROWS[insert.table], block, insert.token, body)

    def _close(self, p: int, block: Block, stored: Stored, at_ms: int) -> int:
        """The block's row, where it is not there: stored when its last record was written, more is not known."""
        which = {
            "p": p, "first": block.first, "last": block.last, "rows": stored.rows, "late": stored.late, "at": at_ms,
            "repeats": stored.repeats, "poison": stored.poison, "next_limit": stored.next_limit,
        }  # fmt: skip
        return self._put(_BLOCK, which, fences.token(EVENTS.name, p, block, 0))

    def _put(self, sql: str, which: Mapping[str, int], token: str, body: bytes = b"") -> int:
        """Send an insert of what is not there until nothing is lacking any more; how many rows were, at first.

        A token that ClickHouse remembers of rows that were deleted since drops them silently, so the next one is tried.
        Every rebuild begins with the first one, so it meets the token of whatever is still under way before it stores
        anything under a later one.  Raises Refused where rows are lacking for ever; Wait.
        """
        options = {**_OPTIONS, **{f"param_{name}": str(value) for name, value in which.items()}}
        lacked = 0
        for attempt in range(TIMES):
            once = {**options, "insert_deduplication_token": f"tail:{token}:{attempt}"}
            rows = self._bulk.outof(io.BytesIO(body), sql, once, coding="")
            if not rows:
                return lacked
            lacked = lacked or rows
        raise Refused(f"{token}: sent {TIMES} times, and ClickHouse lacked {rows:,} of its rows each time")
