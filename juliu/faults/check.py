"""The full comparison after a fault: the log, ClickHouse, Redis and the dead letters against the ledger."""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import cast

import redis
from clickhouse_connect.driver.client import Client

from domain.counters import COUNTERS
from domain.topics import DEAD, EVENTS
from infra.clickhouse.client import connect
from infra.log_reader import LogReader
from infra.namespaces import GROUPS
from infra.settings import Settings
from juliu.faults import check_keys, check_rows
from juliu.faults.check_truth import Problems, Truth, truth_of
from juliu.faults.expected import Expected
from juliu.faults.ledger import Ledger, LogRecord

MERGED_WITHIN_S = 60.0
REDIS_S = 60.0
POLL_S = 0.2
Letters = dict[tuple[str, int, int], bytes]  # (group, partition, offset) -> the original bytes


@dataclass
class Findings:
    """`stored` and `distinct` are plain counts over events and late_events; all else counts what is wrong."""

    stored: int = 0
    distinct: int = 0
    lost: int = 0
    double: int = 0
    counters_wrong: int = 0
    dead: int = 0  # dead letters, each counted once
    problems: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not (self.problems or self.lost or self.double or self.counters_wrong)


async def check(settings: Settings, ledger: Ledger) -> Findings:
    """Compare everything, a partition at a time.  Both groups must have taken the whole log.  Reads only."""
    return await asyncio.to_thread(_check, settings, ledger)


def _check(settings: Settings, ledger: Ledger) -> Findings:
    found, findings = Problems(), Findings()
    letters = dead_letters(settings)
    folded: list[Expected] = []
    with connect(settings) as client, redis.Redis.from_url(settings.redis_url, socket_timeout=REDIS_S) as store:
        names = check_keys.names_of(store)
        check_keys.check_global(names.get(-1, ()), found)
        for p in range(settings.partitions):
            log = chain(ledger.kept.get(p, ()), log_of(settings, p))
            truth = truth_of(ledger, p, settings.partitions, log, found)
            findings.lost += check_rows.check_rows(client, truth, found)
            findings.counters_wrong += check_keys.check_partition(store, truth, names.get(p, ()), found)
            findings.dead += check_letters(letters, truth, found)
            folded.append(_sums_of(truth))
        for p in names.keys() - {-1, *range(settings.partitions)}:
            found.add("keys of a partition that is none", (p, names[p][:3]))
        _count(client, findings, found, ledger.shared_labels)
        findings.counters_wrong += _check_merged(store, folded, found)
    findings.problems = [*ledger.problems[:10], *found.told()]
    return findings


def log_of(settings: Settings, p: int) -> Iterator[LogRecord]:
    """All records of a partition that Kafka still has."""
    with LogReader(settings, EVENTS.name) as reader:
        for entry in reader.records(p, *reader.bounds(p)):
            yield LogRecord(entry.offset, entry.key, entry.value)


def _sums_of(truth: Truth) -> Expected:
    """What is needed of a partition when it has been compared: all else is let go of."""
    sums = Expected()
    sums.counts, sums.heat = truth.expected.counts, truth.expected.heat
    return sums


def _count(client: Client, findings: Findings, found: Problems, shared_labels: int) -> None:
    """Plain counts over everything: what no comparison by partition would see shows here."""
    events, late = check_rows.counts(client, "events"), check_rows.counts(client, "late_events")
    findings.stored, findings.distinct = events.rows + late.rows, events.identities + late.identities
    findings.double = (events.rows - events.identities) + (late.rows - late.places)
    if events.labels + shared_labels != events.rows:
        found.add("event ids of events that are not unique", (events.rows, events.labels))


def _check_merged(store: redis.Redis, folded: list[Expected], found: Problems) -> int:
    """What readers are told, once it had time to be merged; how many numbers are wrong."""
    numbers, heat = check_keys.add_up(folded)
    until = time.monotonic() + MERGED_WITHIN_S
    while True:
        wrong = check_keys.wrong_merged(store, numbers, COUNTERS) + check_keys.wrong_hot(store, heat)
        if not wrong or time.monotonic() > until:
            break
        time.sleep(POLL_S)
    for one in wrong:
        found.add("merged for readers, and wrong", one)
    return len(wrong)


# -- dead letters ------------------------------------------------------------------------------------------------------


def dead_letters(settings: Settings) -> Letters:
    """What the workers put into juliu.dead; a letter that is there twice is one, if its bytes are the same."""
    letters: defaultdict[tuple[str, int, int], Counter[bytes]] = defaultdict(Counter)
    with LogReader(settings, DEAD.name) as reader:
        for entry in reader.records(0, *reader.bounds(0)):
            says = {name: value or b"" for name, value in entry.headers}
            group = says.get("group", b"").decode()
            if group in GROUPS:
                at = (group, int(says["partition"]), int(says["offset"]))
                letters[at][entry.value or b""] += 1
    return {at: min(values) if len(values) == 1 else b"different bytes" for at, values in letters.items()}


def check_letters(letters: Letters, truth: Truth, found: Problems) -> int:
    """Each group's dead letters of a partition are its poison, byte by byte; how many there are."""
    there = 0
    for group in GROUPS:
        mine = {offset: value for (of, p, offset), value in letters.items() if (of, p) == (group, truth.partition)}
        there += len(mine)
        for offset in mine.keys() | truth.poison.keys():
            if mine.get(offset) != truth.poison.get(offset):
                told = (group, truth.partition, offset, mine.get(offset), "for", truth.poison.get(offset))
                found.add("dead letters", cast(object, told))
    return there
