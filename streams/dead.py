"""Poison: into juliu.dead, acknowledged, before the fence passes it; and a budget, past which the worker stops.

A few bad records must not stop a partition, but a bad deploy must not drain the topic into juliu.dead.  The budget is
kept in Redis, so that starting again does not renew it, and by code version, so that mended code begins afresh.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import redis.asyncio as aioredis
from redis.exceptions import RedisError

from domain import keys
from domain.topics import DEAD, EVENTS
from infra import exits, failpoints, logs, metrics
from infra.fold_store import Wait
from infra.place import ROOT
from streams.log_writer import Letter
from streams.records import MAX_REASON, Record

MINUTES = 5  # that the budget looks back
SHARE, AT_LEAST = 0.01, 500  # of the records of these minutes
BUDGET_LIFE_S = 600
FLUSH_S = 5.0
LETTERS = 500  # in one write: 500 times the largest record is what the producer may hold

log = logs.get(__name__)


class Letters(Protocol):
    """Where dead letters are written: streams.log_writer.LogWriter."""

    async def write(self, letters: Sequence[Letter]) -> None:
        """Return when all are acknowledged.  Raises Wait."""


class Dead:
    """The poison of one group: bury() it before its fence passes."""

    def __init__(self, group: str, letters: Letters, budget: Budget, version: str, end: exits.End = exits.end) -> None:
        self._group, self._letters, self._budget, self._version, self._end = group, letters, budget, version, end
        self.poisoned = metrics.POISON.labels(group)

    async def bury(self, p: int, poison: Sequence[tuple[Record, str]]) -> None:
        """Return when these records, each with its reason, are in juliu.dead.

        Ends the process when they pass the budget.  Raises Wait; then bury all of them again: a dead letter may be
        there twice, and its partition and offset say so.
        """
        if not await self._budget.allows(len(poison)):
            self._end(exits.POISONED, "too much poison", partition=p, reason=poison[0][1], offset=poison[0][0].offset)
        for at in range(0, len(poison), LETTERS):
            await self._letters.write([self._letter(p, *each) for each in poison[at : at + LETTERS]])
        failpoints.reached("dead.after_write")
        await self._budget.spend(len(poison))
        self.poisoned.inc(len(poison))
        first, reason = poison[0]
        log.warning("poison", partition=p, records=len(poison), first_offset=first.offset, first_reason=reason)

    def saw(self, records: int) -> None:
        """Count records that were read, good or bad: the budget is a share of them."""
        self._budget.saw(records)

    def _letter(self, p: int, record: Record, reason: str) -> Letter:
        says = {
            "topic": EVENTS.name, "partition": p, "offset": record.offset, "group": self._group,
            "reason": reason[:MAX_REASON], "version": self._version,
        }  # fmt: skip
        headers = [(name, str(value).encode()) for name, value in says.items()]
        return Letter(DEAD.name, record.key, record.value or b"", headers=headers)


class Budget:
    """How much poison a group may meet with this code: 1 % of the last 5 minutes' records, and at least 500.

    A person may allow more for a while (`juliu dead allow`): garbage in the log is passed by no other code either.
    """

    def __init__(
        self, client: aioredis.Redis, group: str, version: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._redis, self._group, self._version, self._clock = client, group, version, clock
        self._seen = 0

    def saw(self, records: int) -> None:
        """Count records; they are written with the next call or flush()."""
        self._seen += records

    async def allows(self, poison: int) -> bool:
        """Whether this much more poison is within the budget.  Raises Wait."""
        *counts, allowed = await self._add(0)
        records, bad = (sum(int(row[i] or 0) for row in counts) for i in (0, 1))
        return bad + poison <= max(AT_LEAST, SHARE * records) + int(allowed or 0)

    async def spend(self, poison: int) -> None:
        """Count poison that was buried.  Raises Wait."""
        await self._add(poison)

    async def flush(self) -> None:
        """Write what was counted.  Raises Wait."""
        if self._seen:
            await self._add(0)

    async def run(self, _group: object) -> None:
        """A task beside the worker: write what was counted, also where there is no poison."""
        while True:
            await asyncio.sleep(FLUSH_S)
            try:
                await self.flush()
            except Wait as error:
                log.info("budget not written", error=str(error))

    async def _add(self, poison: int) -> list[Any]:
        """Add to this minute; the last minutes' [records, poison], and what is allowed above them."""
        minute, seen = int(self._clock() // 60), self._seen
        names = [keys.poison_budget(self._group, self._version, minute - ago) for ago in range(MINUTES)]
        pipe = self._redis.pipeline(transaction=False)
        pipe.hincrby(names[0], "records", seen)
        pipe.hincrby(names[0], "poison", poison)
        pipe.expire(names[0], BUDGET_LIFE_S)
        for name in names:
            pipe.hmget(name, "records", "poison")
        pipe.get(keys.poison_allowed(self._group))
        try:
            answers: list[Any] = await pipe.execute()
        except (RedisError, OSError) as error:
            raise Wait("redis", error) from error
        self._seen -= seen
        return answers[3:]


def code_version() -> str:
    """Which code this is: 12 hex digits over the source of everything that decides about a record."""
    found = hashlib.sha256()
    for folder in ("domain", "infra/lua", "streams"):
        for path in sorted((ROOT / folder).rglob("*.*")):
            if path.suffix in (".py", ".lua"):
                found.update(path.read_bytes())
    return found.hexdigest()[:12]
