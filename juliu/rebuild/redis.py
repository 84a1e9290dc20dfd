"""`juliu rebuild redis`: checks, writes new namespaces beside what is in use, compares, switches, tidies up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import cast

import msgspec
import redis
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

from domain import keys
from infra import failpoints, namespaces
from infra.catalogue.publish import PublishRaced, publish
from infra.catalogue.shelf import RedisShelf
from infra.clickhouse.client import connect
from infra.log_reader import LogReader
from infra.mysql.engine import engine_of
from infra.settings import Settings
from juliu.rebuild import space
from juliu.rebuild.compare import Comparison, whole
from juliu.rebuild.forward import Forward
from juliu.rebuild.redis_state import Writer
from juliu.rebuild.refused import Refused
from juliu.rebuild.stand import Part, Stand, Target, missing_rows, stand
from streams.preflight import WrongTopics, check_topics

ANSWER_S = 30.0


class Partition(msgspec.Struct, frozen=True):
    """What became of a partition: both groups stand at `fence` in `namespace`; `before` is what was in use."""

    partition: int
    before: int | None
    namespace: int
    fence: int
    switched: bool


class Report(msgspec.Struct):
    """What was done.  Seconds are since the beginning."""

    events: int = 0
    viewers: int = 0
    session_rows: int = 0
    dramas: int = 0
    written_s: float = 0.0
    switched_s: float = 0.0
    compared_keys: int = 0
    compared_s: float = 0.0
    removed_keys: int = 0
    seconds: float = 0.0
    partitions: list[Partition] = msgspec.field(default_factory=list)
    catalogue: str = ""  # what was published, where Redis had lost it
    differences: list[str] = msgspec.field(default_factory=list)


@dataclass(frozen=True)
class Options:
    """How: `force` switches although the two differ, `accept_missing` goes on without rows that ClickHouse lacks.

    `to_namespace` 0 is any number.
    """

    switch: bool = True
    compare: bool = True
    force: bool = False
    accept_missing: bool = False
    to_namespace: int = 0
    say: Callable[[str], None] = lambda _: None


@dataclass
class Rebuild:
    """One rebuild; run() it once.

    Live throughout.  Killed anywhere it leaves what is in use as it was; run another.
    Everything may raise Refused, redis.RedisError, KafkaException, LogSilent, clickhouse_connect's ClickHouseError.
    """

    settings: Settings
    options: Options
    client: redis.Redis
    report: Report = field(default_factory=Report)
    began: float = field(default_factory=time.monotonic)

    def run(self) -> Report:
        """All of it."""
        self._check_installation()
        at = self._stand()
        self._publish()
        with space.Lock(self.client) as lock:
            self._clear()
            before = space.pointers(self.client, at.parts)
            new = space.begin(self.client, at.parts, self.options.to_namespace)
            self._write(Target(at, {p: one.number for p, one in new.items()}, int(time.time())), lock)
            if self.options.compare:
                self._compare(before, new, lock)
            self._switch(at, new, before)
        self.report.seconds = self._passed()
        return self.report

    def _write(self, target: Target, lock: space.Lock) -> None:
        writer = Writer(self.settings, self.client, target, lock.beat, self.options.say)
        written = writer.write()
        writer.write_fences()
        report = self.report
        report.viewers, report.session_rows, report.dramas = written.viewers, written.session_rows, written.dramas
        report.events, report.written_s = target.at.rows, self._passed()

    def _compare(self, before: dict[int, int | None], new: dict[int, space.Begun], lock: space.Lock) -> None:
        """With what is in use, where that is whole."""
        with Forward(self.settings) as forward:
            for p, old in before.items():
                if old is None or not whole(self.client, p, old):
                    continue
                if self._is_ahead(p, old):
                    self.options.say(f"partition {p}: what is in use is ahead of ClickHouse, so it is not compared")
                    continue
                comparison = Comparison(self.client, forward, p, old, new[p].number, lock.beat)
                self.report.differences += comparison.run()
                self.report.compared_keys += comparison.compared
                self.options.say(f"partition {p}: {comparison.compared:,} keys compared")
        self.report.compared_s = self._passed()

    def _is_ahead(self, p: int, namespace: int) -> bool:
        """Whether its windows know blocks that ClickHouse does not have: to follow it would be to lose them again."""
        fence = int(cast(bytes, self.client.get(keys.fence("store", namespace, p))))
        with connect(self.settings) as client:  # after the fence: going on, the blocks are ahead
            return fence > stand(client, self.settings.partitions).upto[p]

    def _switch(self, at: Stand, new: dict[int, space.Begun], before: dict[int, int | None]) -> None:
        switched = self.options.switch and (self.options.force or not self.report.differences)
        failpoints.reached("rebuild.before_pointer")
        for p, part in at.parts.items():
            if switched:
                space.switch(self.client, p, new[p], before[p])
            self.report.partitions.append(Partition(p, before[p], new[p].number, part.fence, switched))
        self.report.switched_s = self._passed()
        if switched:
            self.options.say("the new namespaces are in use; the old ones are removed")
            self.report.removed_keys += space.sweep(self.client, range(self.settings.partitions))

    def _publish(self) -> None:
        """The catalogue from MySQL, where Redis has lost it: it does not wait for the rest.

        MySQL that is away does not stop a rebuild: what is missing then is said.
        """
        shelf = RedisShelf(self.client)
        if shelf.version() is not None:
            return
        engine = engine_of(self.settings)
        try:
            self.report.catalogue = str(publish(engine, shelf).version)
        except (DBAPIError, NoConnection, PublishRaced) as error:
            self.report.catalogue = f"not published, run `juliu catalogue publish`: {error}"[:300]
        finally:
            engine.dispose()
        self.options.say(f"catalogue: {self.report.catalogue}")

    def _clear(self) -> None:
        """What a rebuild that was killed has written."""
        if space.unfinished(self.client, range(self.settings.partitions)):
            self.options.say("an earlier rebuild was not finished: what it wrote is removed")
            self.report.removed_keys += space.sweep(self.client, range(self.settings.partitions))

    def _check_installation(self) -> None:
        """The partition count is that of the log, and of Redis, which may have forgotten it."""
        try:
            check_topics(self.settings)
            namespaces.check_before_migration(self.settings)
        except (WrongTopics, namespaces.WrongPartitions) as error:
            raise Refused(str(error)) from error
        self.client.set(keys.PARTITIONS, self.settings.partitions, nx=True)

    def _stand(self) -> Stand:
        with connect(self.settings) as client:
            at = stand(client, self.settings.partitions)
            missing = missing_rows(client, at)
        check_rows(missing, self.options.accept_missing)
        with LogReader(self.settings) as log:
            for p, part in at.parts.items():
                check_log(p, part, log)
        return at

    def _passed(self) -> float:
        return round(time.monotonic() - self.began, 1)


@contextmanager
def connected(settings: Settings) -> Iterator[redis.Redis]:
    """A client for a rebuild."""
    with redis.Redis.from_url(settings.redis_url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S) as client:
        yield client


def sweep(settings: Settings) -> Report:
    """Only remove what no namespace in use holds.  Raises Refused, redis.RedisError."""
    with connected(settings) as client, space.Lock(client):
        report = Report(removed_keys=space.sweep(client, range(settings.partitions)))
        client.delete(*(keys.rebuilding(p) for p in range(settings.partitions)))
    return report


def check_rows(missing: Mapping[int, int], accept_missing: bool) -> None:
    """`events` has the rows that `blocks` tells of (partition -> how many it lacks).  Raises Refused."""
    if doubled := {p: -n for p, n in missing.items() if n < 0}:
        raise Refused(
            f"`events` has more rows than `blocks` tells of: {_told(doubled)}. They were put in by hand, or twice, and"
            " would count: `juliu verify` names them"
        )
    if missing and not accept_missing:
        raise Refused(
            f"`events` lacks rows that `blocks` tells of: {_told(missing)}. They were lost, or are older than 13"
            " months; bring them back (`juliu rebuild clickhouse`), or make the state without them (--accept-missing)"
        )


def _told(rows: Mapping[int, int]) -> str:
    return ", ".join(f"{n:,} of partition {p}" for p, n in rows.items())


def check_log(p: int, part: Part, log: LogReader) -> None:
    """The workers must be able to go on behind the fence.  Raises Refused."""
    begin, end = log.bounds(p)
    if not begin <= part.fence + 1 <= end:
        raise Refused(
            f"partition {p}: ClickHouse has everything up to {part.fence}, the log holds {begin} to before {end}:"
            " nobody could go on from there"
        )
