"""`juliu stream store`: events -> rows in ClickHouse, each once, in blocks that are a function of the log alone.

The order of a block's effects is rows, then its row in `blocks` (the block fence), then windows and the Redis fence:
so Redis is never ahead, and whoever begins at the Redis fence cuts the same blocks again.  Those up to the block fence
are only folded, and compared with what ClickHouse has (streams.store_refold).  In doubt (after an assignment, or an
insert without an answer) the first row is asked for by primary key before it is sent; each insert carries its token,
and the condition that its block is the next (domain.fences).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from domain import fences, keys
from domain.blocks import Block, Cutter, GapError, UnknownFormat, decode_format, limit_asked
from domain.media.prices import Prices
from domain.rows import LATE, SEEN, TOO_OLD, PreparedRow, RowFold
from domain.topics import PULSE_KEY
from infra import exits, failpoints, logs, metrics
from infra.clickhouse.clickhouse_row_store import ClickHouseRowStore
from infra.clickhouse.http import Http
from infra.clickhouse.media_rows import ClickHouseMediaRows
from infra.clickhouse.row_store import RowStore
from infra.fold_store import Broken, FoldStore, RedisFoldStore, connect
from infra.media import price_list
from infra.settings import Settings
from streams import dead, records, runtime, store_block
from streams.group import Moved
from streams.log_writer import LogWriter
from streams.media import KafkaMediaLog, Media
from streams.pulses import OLDEST_S, Clock, Open, Pulses, interval_s
from streams.records import Record
from streams.store_refold import Refold

GROUP = "store"
GATHER_MS = 150  # of the 2 s in which 99 of 100 events must be stored; a block is open for a second anyway
_REASONS = {SEEN: "seen", TOO_OLD: "too_old", LATE: "late"}


@dataclass
class Store:
    """streams.group.Work of the store group."""

    rows: RowStore
    windows: FoldStore
    dead: dead.Dead
    partitions: int
    group: str = GROUP
    gather_ms: int = GATHER_MS
    buried: dict[int, set[int]] = field(default_factory=dict)  # offsets behind the fence whose record is in juliu.dead
    opened: WeakValueDictionary[int, Storing] = field(
        default_factory=WeakValueDictionary
    )  # as long as the group holds it

    async def open(self, p: int) -> Storing:
        """See Work.  The Redis fence first: it can only be behind the blocks, whoever else is writing."""
        namespace = (await self.windows.fence(p)).namespace
        kept = keys.block_format(namespace, p)
        fence, values = await self.windows.read(p, namespace, {kept: [keys.BLOCK_FORMAT]})
        with _broken(p):
            block_fence = await self.rows.block_fence(p)
            cutter = Cutter(fences.start(fence, block_fence), decode_format(values[0][0] or None))
        self.buried[p] = {offset for offset in self.buried.get(p, ()) if offset > fence}
        self.opened[p] = opened = Storing(self, p, RowFold(p, namespace), cutter, block_fence)
        return opened

    def open_blocks(self) -> Mapping[int, Open]:
        """See streams.pulses.OpenBlocks."""
        return {p: part.open for p, part in list(self.opened.items()) if part.open is not None}


class Storing:
    """One partition: the block that is open, and the fences where it begins."""

    def __init__(self, work: Store, p: int, fold: RowFold, cutter: Cutter, block_fence: int) -> None:
        self.open: Open | None = None
        self._work, self._p, self._fold, self._cutter = work, p, fold, cutter
        self._block_fence = block_fence
        self._refold = Refold(work.rows, p)
        self._fence = cutter.first - 1
        self._records: list[Record] = []
        self._doubt = True  # until an insert was answered, a part of this block may be there without our knowing

    @property
    def position(self) -> int:
        """See Partition."""
        return self._cutter.next

    @property
    def fence(self) -> int:
        """See Partition: that in Redis; a block that is being stored is not behind it yet."""
        return self._fence

    async def take(self, run: Sequence[Record]) -> None:
        """See Partition."""
        with _broken(self._p):
            at = 0
            for pulse in [*(i for i, record in enumerate(run) if record.key == PULSE_KEY), len(run)]:
                while at < pulse:
                    at += await self._events(run[at:pulse])
                if pulse < len(run):
                    await self._one(run[pulse], pulse=True)
                    at = pulse + 1

    async def _events(self, run: Sequence[Record]) -> int:
        """Take as many of these events as may be; how many that was."""
        if self.open is None:
            age_s = min(max(0.0, time.time() - run[0].timestamp / 1000), OLDEST_S)
            self.open = Open(self._cutter.first, time.monotonic() - age_s)
        quiet = min(len(run), self._cutter.room())
        if not quiet:
            await self._one(run[0], pulse=False)
            return 1
        if run[quiet - 1].offset - run[0].offset != quiet - 1 or run[0].offset != self._cutter.next:
            raise GapError(self._cutter.next, run[0].offset)
        self._cutter.take_quietly(run[quiet - 1].offset)
        self._records += run[:quiet]
        return quiet

    async def _one(self, record: Record, pulse: bool) -> None:
        """Take a record that may close the block."""
        self._records.append(record)
        block = self._cutter.take(record.offset, pulse, limit_asked(record.value) if pulse else None)
        if block is not None:
            taken, self._records, self.open = self._records, [], None
            await self._store(block, taken)

    async def _store(self, block: Block, taken: Sequence[Record]) -> None:
        """All effects of one block, in their order.  Raises Moved; then nothing that is held is sound."""
        read, poison = await self._read(taken)
        prepared = self._fold.prepare(zip([record.offset for record in taken], read, strict=True))
        await self._fill(block.first - 1)
        verdicts = self._fold.judge(prepared)
        if fences.needs_rows(block, self._block_fence):
            what = store_block.content(self._p, taken, read, verdicts, len(poison), next_limit=self._cutter.limit)
            await store_block.write(self._work.rows, self._p, block, what, self._doubt)
            self._block_fence, self._doubt = block.last, False
        else:
            await self._refold.check(block, read, verdicts, poison, self._block_fence)
        await self._apply(block, prepared)
        self._measure(read, verdicts)

    async def _read(self, taken: Sequence[Record]) -> tuple[store_block.Events, list[int]]:
        """The records' events, and the offsets of poison: that is in juliu.dead before anything else is done."""
        p = self._p
        read, poison = records.read_all(taken, p, self._work.partitions)
        buried = self._work.buried[p]
        if fresh := [each for each in poison if each[0].offset not in buried]:
            await self._work.dead.bury(p, fresh)
            buried.update(record.offset for record, _ in fresh)
        return read, [record.offset for record, _ in poison]

    async def _fill(self, fence: int) -> None:
        """Read the windows that the block needs, as they are at `fence`."""
        state = self._fold.state
        if not state.missing:
            return
        found, values = await self._work.windows.read(self._p, self._fold.namespace, state.missing)
        if found != fence:
            raise Moved(f"fence is {found}, was left at {fence}")
        try:
            state.fill(values)
        except ValueError as error:
            raise Broken(f"partition {self._p}: state that cannot be read: {error}") from error

    async def _apply(self, block: Block, prepared: list[PreparedRow]) -> None:
        run = self._fold.effects(prepared, self._cutter.limit)
        done, fence = await self._work.windows.apply(self._p, self._fold.namespace, [run])
        if not done:
            raise Moved(f"fence is {fence}, was left at {block.first - 1}")
        failpoints.reached("store.after_apply")
        self._fence = fence
        self._fold.state.trim()

    def _measure(self, read: store_block.Events, verdicts: list[int]) -> None:
        self._work.dead.saw(len(read))
        metrics.RECORDS.labels(GROUP).inc(len(read))
        first = next((event for event in read if event is not None), None)
        if first is not None:
            metrics.RECORD_AGE.labels(GROUP).observe(max(0.0, time.time() - first.received_at_ms / 1000))
        for verdict, reason in _REASONS.items():
            if n := verdicts.count(verdict):
                metrics.DROPPED.labels(GROUP, reason).inc(n)


@contextmanager
def _broken(p: int) -> Iterator[None]:
    """What only a person can mend, as the error that ends the process."""
    try:
        yield
    except (fences.WentBack, fences.BlockMoved, UnknownFormat) as error:
        raise Broken(f"partition {p}: {error}") from error


def main(settings: Settings) -> None:
    """The composition root of the process; returns after an orderly stop."""
    logs.setup("stream-store", settings)
    redis, version = connect(settings.redis_url), dead.code_version()
    budget = dead.Budget(redis, GROUP, version)
    log = LogWriter(settings.kafka, f"juliu-{GROUP}-{settings.worker_id}")
    letters = dead.Dead(GROUP, log, budget, version)
    http = Http(settings)
    work = Store(ClickHouseRowStore(http), RedisFoldStore(redis, GROUP), letters, settings.partitions)
    pulses = Pulses(work, log, Clock(interval_s(settings.pulse_ms, settings.partitions)))
    media = Media(KafkaMediaLog(settings), ClickHouseMediaRows(http, _prices(settings)), log, version)
    runtime.run(settings, work, tasks=[pulses.run, budget.run, media.run])


def _prices(settings: Settings) -> Prices:
    try:
        return price_list.read(settings.media_prices)
    except price_list.BadPrices as error:
        exits.end(exits.MISCONFIGURED, f"JULIU_MEDIA_PRICES: {error}")
