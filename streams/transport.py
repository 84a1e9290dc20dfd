"""The Faust transport `kafkafence`: one Faust event is a run of records of one partition, which begins at OUR fence.

register() makes the url scheme `kafkafence://` and the serializer `run` known; runtime.make_app calls it.  The App
must have `gather_ms`, for how long a broker may wait for more records, and `positions`, an async function (set of TP)
-> {TP: offset}: it is asked on every assignment and whenever flow resumes, and answers with each store's fence + 1.
The committed offset decides nothing; acknowledgements are still committed, for lag tools.

Promises to the agent: the runs of a partition are contiguous from its position on.  A position that the log does not
hold, or a gap in the log, ends the process (exits.LOG_GONE) instead of jumping.
"""

from __future__ import annotations

import asyncio
import collections
import enum
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, cast

import faust.transport.drivers.aiokafka as driver
from aiokafka.errors import KafkaError
from faust.serializers import codecs
from faust.transport import drivers
from faust.types import TP, ConsumerMessage

from infra import exits, logs

SCHEME, SERIALIZER = "kafkafence", "run"
MAX_RUN = 1000  # records in one Faust event: above it nothing gets cheaper
GATHER_BYTES = 65_536  # a broker that has so much answers at once
POLL_S = 0.25  # longest fetch: a partition that was resumed meanwhile must not wait for the silent ones
MAX_GAPS = 3  # times in a row that a gap is asked for again: Faust drops fetched runs when flow stops
ASK_S = 40.0  # for positions; longer than any call to a store, so that its wait is declared; then they are asked again
AGAIN_S = 0.2  # before that

log = logs.get(__name__)


class Run:
    """Records first..last of one partition, as aiokafka's ConsumerRecord (streams.records.Record)."""

    __slots__ = ("first", "last", "records")

    def __init__(self, records: list[Any]) -> None:
        self.records, self.first, self.last = records, records[0].offset, records[-1].offset


class Order:
    """Where each partition goes on, and what of fetched records fits there.  Pure.

    A fetch is judged by the stamp taken before it: what does not fit and was asked for before a seek is stale.
    """

    def __init__(self) -> None:
        self._next: dict[TP, int] = {}  # the offset that the next run must begin with
        self._seeks: collections.Counter[TP] = collections.Counter()

    def begin(self, tp: TP, offset: int) -> None:
        """The partition goes on at this offset."""
        self._next[tp] = offset
        self._seeks[tp] += 1

    def forget(self) -> None:
        """No partition has a position."""
        self._next.clear()

    def knows(self, tps: set[TP]) -> bool:
        """Whether all of these have a position."""
        return tps <= self._next.keys()

    def stamp(self) -> Mapping[TP, int]:
        """To be taken before a fetch."""
        return self._seeks.copy()

    def expected(self, tp: TP) -> int:
        """The offset that the next run must begin with."""
        return self._next[tp]

    def judge(self, tp: TP, found: list[Any], stamp: Mapping[TP, int]) -> tuple[Verdict, list[Any]]:
        """What to do about records that were fetched (ascending, not empty), and those of them that fit."""
        expected = self._next.get(tp)
        if expected is None:
            return Verdict.STALE, []
        fits = found if found[0].offset >= expected else [r for r in found if r.offset >= expected]
        if fits and fits[0].offset == expected:
            return Verdict.FITS, fits  # also when a seek came meanwhile: nobody would bring these again
        if self._seeks[tp] != stamp.get(tp, 0):
            return Verdict.STALE, []
        return (Verdict.GAP, fits) if fits else (Verdict.BEHIND, [])

    def taken(self, tp: TP, last: int) -> None:
        """The run up to `last` was handed on."""
        self._next[tp] = last + 1


class Verdict(enum.Enum):
    """FITS; STALE: from before a seek or an assignment; BEHIND: all before us, so stale or a log that was cut; GAP."""

    FITS, STALE, BEHIND, GAP = range(4)


class _RunCodec(codecs.Codec):
    def _loads(self, s: Any) -> Any:
        return s

    def _dumps(self, s: Any) -> Any:
        return s


class _Unordered(dict[TP, int]):
    """In place of Consumer._read_offset, by which Faust drops what it delivered before: a seek back races with it."""

    def __getitem__(self, tp: TP) -> None:  # type: ignore[override]
        return None


class _Thread(driver.AIOKafkaConsumerThread):
    """Faust's, which lets the broker gather records for a moment: a run of three costs nearly what one of 300 does."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_min_bytes = GATHER_BYTES  # Faust has no setting for either
        consumer._fetch_max_wait_ms = cast(Any, self.app).gather_ms
        return consumer


class Consumer(driver.Consumer):
    """Overrides what Faust does with positions, gaps and single messages (faust-streaming 0.15.3, pinned)."""

    def _new_consumer_thread(self) -> _Thread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._read_offset = cast(Any, _Unordered())
        self._order = Order()
        self._gaps: collections.Counter[TP] = collections.Counter()  # gaps in a row
        self._runs: dict[TP, collections.deque[int]] = collections.defaultdict(
            collections.deque
        )  # uncommitted, by last
        self._positioning = asyncio.Lock()
        self._room = asyncio.Event()  # a paused partition was resumed

    # -- positions ---------------------------------------------------------------------------------------------------

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Faust's only way to a first position: answer with the fences.  {} when getmany must ask again.

        Never takes long: after broker_request_timeout (90 s) Faust takes silence for a stop and never resumes
        (mode.Service.wait_first), and a rebalance may have to wait for the one before it.
        """
        async with self._positioning:
            try:
                async with asyncio.timeout(ASK_S):
                    return await self._position(self.assignment())
            except (KafkaError, TimeoutError) as error:  # a store or a broker is away, or reassigned under us
                log.warning("no position yet", error=repr(error))
                return {}

    async def _position(self, assigned: set[TP]) -> Mapping[TP, int]:
        if not assigned:
            return {}
        positions = dict(await cast(Any, self.app).positions(assigned))
        await self._check(positions)
        await self.seek_wait(positions)
        return positions

    async def _check(self, positions: Mapping[TP, int]) -> None:
        """End the process where a fence asks for what the log does not hold."""
        begins, ends = await self.earliest_offsets(*positions), await self.highwaters(*positions)
        for tp, offset in positions.items():
            if not begins[tp] <= offset <= ends[tp]:
                exits.end(
                    exits.LOG_GONE, "the log does not hold the position", partition=tp.partition, position=offset,
                    log_begins=begins[tp], log_ends=ends[tp],
                )  # fmt: skip

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Go on at these offsets; what was fetched before is dropped."""
        for tp, offset in partitions.items():
            self._order.begin(tp, offset)
            self._runs[tp].clear()
        await super().seek_wait(partitions)

    async def on_partitions_assigned(self, assigned: set[TP], *args: Any, **kwargs: Any) -> None:
        """Forget where we were: the next positions come from the fences."""
        self._order.forget()
        for held in (self._runs, self._acked, self._acked_index):
            held.clear()
        await super().on_partitions_assigned(assigned, *args, **kwargs)
        if not assigned:  # then Faust asks for no positions
            await cast(Any, self.app).positions(assigned)

    # -- fetching ----------------------------------------------------------------------------------------------------

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:
        """Runs of records, round robin over partitions."""
        stamp = self._order.stamp()
        records, _ = await self._wait_next_records(min(timeout, POLL_S))
        generation = self.app.consumer_generation_id
        if records is None or self.should_stop:
            return
        if not self.flow_active or not self._order.knows(self.assignment()):
            await self.sleep(AGAIN_S)
            await self.perform_seek()
            return
        for tp, found in _round_robin(records):
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            run = await self._in_order(tp, found, stamp)
            if run:
                yield tp, self._deliver(tp, run)

    async def _wait_next_records(self, timeout: float) -> Any:
        """As Faust's, which would sleep a whole second where all partitions are paused."""
        if self.flow_active and not self._get_active_partitions():
            self._room.clear()
            await self.wait(cast(Any, self._room), timeout=timeout)
            if not self._get_active_partitions():
                return {}, None
        return await super()._wait_next_records(timeout)

    async def _in_order(self, tp: TP, found: list[Any], stamp: Mapping[TP, int]) -> list[Any]:
        """What of the fetched records goes on where the partition is; empty when they do not fit."""
        verdict, run = self._order.judge(tp, found, stamp)
        if verdict is Verdict.FITS:
            return run
        if verdict is Verdict.BEHIND:
            await self._check({tp: self._order.expected(tp)})
        elif verdict is Verdict.GAP:
            await self._again(tp, self._order.expected(tp), run[0].offset)
        return []

    async def _again(self, tp: TP, expected: int, got: int) -> None:
        """A gap: ask for it once more; a log that really lacks it ends the process."""
        self._gaps[tp] += 1
        log.warning("gap", partition=tp.partition, expected=expected, got=got, times=self._gaps[tp])
        await self._check({tp: expected})
        if self._gaps[tp] > MAX_GAPS:
            exits.end(exits.LOG_GONE, "a gap in the log", partition=tp.partition, expected=expected, got=got)
        await self.seek_wait({tp: expected})

    def _deliver(self, tp: TP, run: list[Any]) -> ConsumerMessage:
        last = run[-1]
        self._gaps.pop(tp, None)
        self._order.taken(tp, last.offset)
        self._runs[tp].append(last.offset)
        value = cast(Any, Run(run))  # the codec hands it on as it is
        return ConsumerMessage(
            last.topic, last.partition, last.offset, (last.timestamp or 0) / 1000.0, last.timestamp_type, None, None,
            value, None, 0, 0, tp, generation_id=self.app.consumer_generation_id,
        )  # fmt: skip

    def resume_partitions(self, tps: Any) -> None:
        """Fetch these again."""
        super().resume_partitions(tps)
        self._room.set()

    def on_buffer_drop(self, tp: TP) -> None:
        """Faust's own queue has room again."""
        super().on_buffer_drop(tp)
        self._room.set()

    # -- acknowledgements, which are decoration ----------------------------------------------------------------------

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Faust's gap bookkeeping counts messages; ours are runs."""

    def _new_offset(self, tp: TP) -> int | None:
        """The end of the acknowledged prefix of runs."""
        runs, index, acked, out = self._runs[tp], self._acked_index[tp], self._acked[tp], None
        while runs and runs[0] in index:
            out = runs.popleft()
            index.discard(out)
            acked.remove(out)
        return None if out is None else out + 1


class Transport(driver.Transport):
    """aiokafka's, with our Consumer."""

    Consumer = Consumer
    driver_version = driver.Transport.driver_version + " (runs from fences)"


def _round_robin(records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, list[Any]]]:
    """Pieces of at most MAX_RUN records, one of each partition in turn."""
    longest = max(map(len, records.values()), default=0)
    for at in range(0, longest, MAX_RUN):
        for tp, found in records.items():
            if at < len(found):
                yield tp, found[at : at + MAX_RUN]


def register() -> None:
    """Make the scheme and the serializer known to Faust."""
    Consumer.logger = driver.logger  # Faust's own lines are not ours
    codecs.register(SERIALIZER, _RunCodec())
    drivers.TRANSPORTS.aliases[SCHEME] = "streams.transport:Transport"
