"""Relays as processes, the unlocks that they are to tell, and what came into the log."""

from __future__ import annotations

import itertools
import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Consumer, TopicPartition

from domain import events
from domain.topics import EVENTS
from infra.mysql.engine import engine_of
from infra.settings import Settings
from tests import outbox
from tests.fold_worker import Worker, ends
from tests.redis_server import until

CODE = "from juliu.commands.relay import relay; relay()"
SENT_S = 60.0
LEASE_MS = 2_000
AT_ONCE = 1_000  # records


class Told(msgspec.Struct, frozen=True):
    """A record of the log, and where it lies."""

    partition: int
    offset: int
    key: bytes
    value: bytes
    event: events.Unlocked


class Rig:
    """begin() empties the outbox; close() ends the relays."""

    def __init__(self, settings: Settings, out: Path) -> None:
        self.settings, self.engine = settings, engine_of(settings, pool=2)
        self._out, self._seqs = out, Counter[int]()
        self.relays: list[Worker] = []
        self.unlocks: list[events.Unlocked] = []
        outbox.emptied(self.engine)
        self.begins = ends(settings)

    def relay(self, member: str, fail_at: str = "", **env: str) -> Worker:
        """A relay; `fail_at` is where it dies (infra.failpoints)."""
        settings = {"JULIU_WORKER_ID": member, "JULIU_RELAY_LEASE_MS": str(LEASE_MS), "FAIL_AT": fail_at, **env}
        out = self._out / f"relay-{len(self.relays)}.log"
        self.relays.append(Worker(self.settings, self.settings.redis_url, out, CODE, **settings))
        return self.relays[-1]

    def unlock(self, user_ids: Sequence[int], times: int = 1) -> None:
        """Each of these viewers unlocks so many episodes, one after the other."""
        made = []
        for user_id in itertools.chain.from_iterable(itertools.repeat(user_ids, times)):
            self._seqs[user_id] += 1
            made.append(outbox.an_unlock(user_id, self._seqs[user_id], drama_id=1 + user_id % 5))
        outbox.put(self.engine, made)
        self.unlocks += made

    def sent(self) -> None:
        """Wait until every row is marked."""
        until(lambda: outbox.unpublished(self.engine) == 0, SENT_S, f"all is sent\n{self.said()[-2_000:]}")

    def said(self) -> str:
        """What the relays logged."""
        return "".join(relay.out.read_text() for relay in self.relays)

    def told(self) -> list[Told]:
        """The unlocks that are in the log since the rig began, by partition and offset."""
        found: list[Told] = []
        consumer = Consumer({"bootstrap.servers": self.settings.kafka, "group.id": "relay-rig"})
        try:
            for p, end in ends(self.settings).items():
                found += _read(consumer, p, self.begins[p], end)
        finally:
            consumer.close()
        return found

    def first_copies(self) -> dict[int, list[int]]:
        """By viewer, its seqs in the order in which the log first had each."""
        found: defaultdict[int, list[int]] = defaultdict(list)
        for record in self.told():
            if record.event.seq not in found[record.event.user_id]:
                found[record.event.user_id].append(record.event.seq)
        return dict(found)

    def in_order(self) -> dict[int, list[int]]:
        """What first_copies must be: every viewer's seqs, ascending."""
        return {user_id: list(range(1, last + 1)) for user_id, last in self._seqs.items()}

    def close(self) -> None:
        """Whatever became of it."""
        for relay in self.relays:
            relay.close()
        outbox.emptied(self.engine)
        self.engine.dispose()


def shards(relay: Worker) -> int:
    """How many shards it says that it has; -1 where it does not answer."""
    status, text = relay.ask("/readyz")
    return int(json.loads(text)["shards"]) if status else -1


def _read(consumer: Consumer, p: int, begin: int, end: int) -> list[Told]:
    """Unlocks among the records begin..end of a partition; others write there too."""
    found: list[Any] = []
    at = [begin]
    consumer.assign([TopicPartition(EVENTS.name, p, begin)])

    def more() -> bool:
        for message in consumer.consume(AT_ONCE, 0.2) if at[0] < end else []:
            assert not message.error(), message.error()
            found.append(message)
            at[0] = message.offset() + 1
        return at[0] >= end

    until(more, SENT_S, f"partition {p} is read")
    decoded = ((message, events.decode(message.value())) for message in found if message.value())
    return [
        Told(p, message.offset(), message.key(), message.value(), event)
        for message, event in decoded
        if isinstance(event, events.Unlocked)
    ]
