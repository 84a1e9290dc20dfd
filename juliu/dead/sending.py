"""Sends records into the log once more, waits until both groups have met them, and tells what became of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import cast

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from domain.events import AnyEvent
from domain.topics import MAX_MESSAGE_BYTES
from infra.fold_store import Wait
from infra.log_reader import LogReader
from infra.namespaces import GROUPS
from juliu.dead import letters
from juliu.dead.windows import COUNTED, LATE, THERE, Windows
from juliu.places import Servers, group_place
from streams import records
from streams.log_writer import Letter

DELIVERY_S = 10.0
MET_S = 60.0  # longest wait for both groups: the store closes a block about a second after its first event
POLL_S = 0.1
DEAD_AGAIN, NOT_YET = "dead again", "not yet known"

STORED = """
SELECT offset, 'events' FROM events WHERE partition = {p:UInt16} AND offset IN {offsets:Array(UInt64)}
UNION ALL
SELECT offset, 'late_events' FROM late_events WHERE partition = {p:UInt16} AND offset IN {offsets:Array(UInt64)}
"""


Report = Callable[[KafkaError | None, Message], None]


class Again(msgspec.Struct):
    """A record that is sent again: where to, its bytes, and what becomes of it by group."""

    ref: str
    partition: int
    key: bytes | None
    value: bytes
    to: int = -1
    became: dict[str, str] = msgspec.field(default_factory=dict)

    # streams.records.Record, so that the one rule for poison can look at it
    @property
    def offset(self) -> int:
        """Where it was put."""
        return self.to

    @property
    def timestamp(self) -> int:
        """None."""
        return -1


class Sender:
    """Sends into the topic that the servers read; letters come in `dead`.  For one thread."""

    def __init__(self, servers: Servers, dead: str) -> None:
        self._servers, self._dead = servers, dead
        self._producer = Producer(
            {
                "bootstrap.servers": servers.settings.kafka, "client.id": "juliu-operator", "acks": "all",
                "enable.idempotence": True, "linger.ms": 5, "delivery.timeout.ms": int(DELIVERY_S * 1000),
                "message.max.bytes": 2 * MAX_MESSAGE_BYTES, "log_level": 2,
            }
        )  # fmt: skip
        self._letters_from = 0  # in the topic of letters, at the last send()

    def send(self, some: Sequence[Again]) -> None:
        """All of them are in the log, in order; `to` says where, `became` what the windows say will become of it.

        Raises Wait where one is not; then any of them may be, and the same again does no harm.
        """
        self._foresee(some)
        with LogReader(self._servers.settings, self._dead) as dead:
            self._letters_from = dead.bounds(letters.PARTITION).end
        failed: list[KafkaError] = []
        for one in some:
            letter = Letter(self._servers.log.topic, one.key, one.value, one.partition)
            self._produce(letter, _note(one, failed))
        self._flushed(failed)

    def settle(
        self, cases: Sequence[tuple[letters.Case, Again | None]], what: letters.What, why: str, version: str
    ) -> None:
        """Write down what was done with each of these, for ever.  Raises Wait."""
        failed: list[KafkaError] = []
        for case, again in cases:
            headers = letters.resolving(case, what, why, version, -1 if again is None else again.to)
            self._produce(Letter(self._dead, None, b"", letters.PARTITION, headers), _note(None, failed))
        self._flushed(failed)

    def met(self, some: Sequence[Again], longest_s: float = MET_S, pause: Callable[[float], None] = time.sleep) -> None:
        """Wait until both groups have met them, and say in `became` what became of each."""
        last = {p: max(one.to for one in some if one.partition == p) for p in {one.partition for one in some}}
        end = time.monotonic() + longest_s
        while (missing := self._missing(last)) and time.monotonic() < end:
            pause(POLL_S)
        buried = self._buried()
        for p in last:
            self._look([one for one in some if one.partition == p], buried)
        for one in some:
            for group in GROUPS:
                if one.to > missing.get((group, one.partition), one.to):
                    one.became[group] = NOT_YET

    def _foresee(self, some: Sequence[Again]) -> None:
        windows, partitions = Windows(self._servers.redis), self._servers.settings.partitions
        read = [(one, _event(one, partitions)) for one in some]
        windows.hold((one.partition, event) for one, event in read if event is not None)
        for one, event in read:
            one.became = {
                group: DEAD_AGAIN if event is None else windows.add(group, one.partition, event) for group in GROUPS
            }

    def _missing(self, last: dict[int, int]) -> dict[tuple[str, int], int]:
        """(group, partition) -> fence, where that is not yet at the last record."""
        out: dict[tuple[str, int], int] = {}
        for p, offset in last.items():
            for group in GROUPS:
                fence = group_place(self._servers.redis, group, p).fence
                if fence is None or fence < offset:
                    out[group, p] = -1 if fence is None else fence
        return out

    def _buried(self) -> set[tuple[str, int, int]]:
        """(group, partition, offset) of the letters since send()."""
        with LogReader(self._servers.settings, self._dead) as dead:
            found = dead.records(letters.PARTITION, self._letters_from, dead.bounds(letters.PARTITION).end)
            said = [letters.parse(entry) for entry in found]
        return {
            (one[1].group, one[1].partition, one[1].offset) for one in said if not isinstance(one, letters.Resolution)
        }

    def _look(self, some: Sequence[Again], buried: set[tuple[str, int, int]]) -> None:
        """What became of records of one partition: the letters and the rows say it."""
        p = some[0].partition
        asked = {"p": p, "offsets": [one.to for one in some]}
        found = self._servers.clickhouse.query(STORED, asked).result_rows
        rows = {int(offset): COUNTED if table == "events" else LATE for offset, table in found}
        for one in some:
            one.became["store"] = rows.get(one.to, THERE)
            for group in GROUPS:
                if (group, p, one.to) in buried:
                    one.became[group] = DEAD_AGAIN

    def _produce(self, letter: Letter, report: Report) -> None:
        headers = cast(list[tuple[str, str | bytes | None]], list(letter.headers))
        try:
            self._producer.produce(letter.topic, letter.value, letter.key, letter.partition, report, headers=headers)
            self._producer.poll(0)
        except (BufferError, KafkaException) as error:
            raise Wait("kafka", error) from error

    def _flushed(self, failed: list[KafkaError]) -> None:
        if self._producer.flush(DELIVERY_S + 1.0) or failed:
            raise Wait("kafka", failed[0] if failed else "no delivery report")


def _event(one: Again, partitions: int) -> AnyEvent | None:
    """The event that this code reads in it; None where it reads none."""
    (event,), _ = records.read_all([one], one.partition, partitions)
    return event


def _note(one: Again | None, failed: list[KafkaError]) -> Report:
    def report(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failed.append(error)
        elif one is not None:
            one.to = message.offset() or 0

    return report
