"""RowStore on ClickHouse: every insert carries its token and the condition that its block is the next one."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import structlog

from domain import events, fences
from domain.blocks import MAX_LIMIT, Block
from domain.topics import EVENTS
from infra.clickhouse import chains, statements
from infra.clickhouse.http import Http, Unreadable
from infra.clickhouse.row_store import PAGE, Insert, Stored
from infra.fold_store import Wait

KEYS = 300  # of one question, about 50 kB of its address; a server takes 1 MB
OFFSETS = 10_000  # of one question, about 150 kB of its address

log = structlog.get_logger(__name__)

# an insert must become one part, whatever its size: one thread, one block
_AS_ONE_PART = {
    "max_threads": "1",
    "max_insert_threads": "1",
    "max_block_size": str(MAX_LIMIT),
    "max_insert_block_size": str(MAX_LIMIT),
    "min_insert_block_size_rows": str(MAX_LIMIT),
    "min_insert_block_size_bytes": "0",
}
# the token must count, for INSERT SELECT too: else refuse
_ONCE = {"async_insert": "0", "deduplicate_insert": "enable", "deduplicate_insert_select": "force_enable"}
_ROWS = {
    **_AS_ONE_PART,
    **_ONCE,
    "input_format_parallel_parsing": "0",
    "input_format_skip_unknown_fields": "1",
    "optimize_on_insert": "0",  # a double must be seen by whoever counts, not tidied away
}


class ClickHouseRowStore:
    """Keeps the promises of RowStore."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def block_fence(self, partition: int) -> int:
        """See RowStore."""
        answer = await self._http.ask(chains.ONE, _parameters(p=partition))
        blocks, first, last, records = map(int, answer.text.split())
        if not blocks:
            return fences.NOTHING
        if records != last - first + 1:
            await self._check_holes(partition)
        return last

    async def _check_holes(self, partition: int) -> None:
        hole = (await self._http.ask(chains.HOLE, _parameters(p=partition))).text.split()
        if hole:
            raise fences.WentBack(f"partition {partition}: a block begins at {hole[0]}, those before end at {hole[1]}")

    async def holds(self, insert: Insert) -> bool:
        """See RowStore."""
        answer = await self._http.ask(statements.HOLDS[insert.table], _first_row(insert))
        return int(answer.text) > 0

    async def told(self, partition: int, first: int) -> Sequence[tuple[Block, Stored]]:
        """See RowStore."""
        answer = await self._http.ask(statements.TOLD, _parameters(p=partition, first=first, most=PAGE))
        rows = [[int(cell) for cell in row.split()] for row in answer.text.splitlines()]
        return [(Block(*row[:2]), Stored(*row[2:])) for row in rows]

    async def lacks(self, partition: int, read: Sequence[events.AnyEvent], upto: int) -> int:
        """See RowStore."""
        found = 0
        for at in range(0, len(read), KEYS):
            asked = ",".join(map(_key, read[at : at + KEYS]))
            parameters = _parameters(p=partition, upto=upto, keys=f"[{asked}]")
            found += int((await self._http.ask(statements.KNOWN, parameters)).text)
        return len(read) - found

    async def rows_at(self, partition: int, offsets: Sequence[int]) -> int:
        """See RowStore."""
        found = 0
        for at in range(0, len(offsets), OFFSETS):
            some = offsets[at : at + OFFSETS]
            asked = _parameters(p=partition, first=min(some), last=max(some), offsets=list(some))
            found += int((await self._http.ask(statements.ROWS_AT, asked)).text)
        return found

    async def insert(self, insert: Insert) -> bool:
        """See RowStore."""
        try:
            return await self._insert(insert, [line(insert.partition, *record) for record in insert.rows])
        except Unreadable as error:
            log.warning("rows written anew", partition=insert.partition, first=insert.block.first, why=str(error))
        try:
            return await self._insert(insert, [line(insert.partition, at, anew(value)) for at, value in insert.rows])
        except Unreadable as error:
            raise Wait("clickhouse", error) from error

    async def _insert(self, insert: Insert, rows: list[bytes]) -> bool:
        parameters = _parameters(p=insert.partition, first=insert.block.first)
        options = {**_ROWS, **parameters, "insert_deduplication_token": insert.token}
        return (await self._http.ask(statements.INSERT[insert.table], options, b"\n".join(rows))).written > 0

    async def close(self, partition: int, block: Block, stored: Stored) -> bool:
        """See RowStore."""
        parameters = _parameters(p=partition, first=block.first, last=block.last, **msgspec.structs.asdict(stored))
        token = fences.token(EVENTS.name, partition, block, 0)
        options = {**_ONCE, **parameters, "insert_deduplication_token": token}
        return (await self._http.ask(statements.CLOSE, options)).written > 0


def _parameters(**values: object) -> dict[str, str]:
    """Query parameters; text in them is read like a field of TabSeparated."""
    return {
        f"param_{name}": str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
        for name, value in values.items()
    }


def _key(event: events.AnyEvent) -> str:
    """An event's primary key, and the rest of its identity, as a tuple of ClickHouse's; the session in hex digits."""
    session = event.session_id.encode().hex()
    ids = f"{event.ts_ms},{event.drama_id},{event.user_id}"
    return f"('{event.__struct_config__.tag}',{ids},'{session}',{event.seq})"


def line(partition: int, offset: int, value: bytes) -> bytes:
    """The record's own bytes with partition and offset in front."""
    return b'{"partition":%d,"offset":%d,%b' % (partition, offset, value[1:])


def anew(value: bytes) -> bytes:
    """The record as domain.events writes it: what its decoder takes and ClickHouse does not (a field twice) is gone."""
    return events.encode(events.decode(value))


def _first_row(insert: Insert) -> dict[str, str]:
    """The parameters that find the first row by primary key: all of the key is in the event itself."""
    offset, value = insert.rows[0]
    found: dict[str, object] = {"p": insert.partition, "o": offset, "month": insert.month}
    if insert.table == "events":
        event = events.decode(value)
        found |= {"type": event.__struct_config__.tag, "ts": event.ts_ms, "drama": event.drama_id}
        found |= {"user": event.user_id, "session": event.session_id, "seq": event.seq}
    return _parameters(**found)
