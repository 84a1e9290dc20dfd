"""Runs a worker: Faust app, group of partitions, watchdog, /livez /readyz /metrics, orderly stop.

    runtime.run(settings, work)                   # work: streams.group.Work; returns after SIGTERM, or the process ends
    runtime.run(settings, work, waits=waits, tasks=[pulse.run])     # tasks: async functions (group) that run beside it

A task's exception ends the process (exits.UNFORESEEN); on the stop it is cancelled.  Only this module and transport.py
know Faust; its command line and its web server are not used.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import faust
import uvloop
from aiokafka.errors import KafkaError
from faust.types import TP

from domain.topics import EVENTS
from infra import exits, logs
from infra.health import Answer, Health
from infra.place import home
from infra.settings import Settings
from streams import preflight, transport
from streams.group import Group, Work
from streams.probe import ServersProbe
from streams.waits import Waits
from streams.watchdog import SESSION_S, Watchdog

BLOCKED_S = 30.0  # without a beat of the loop: /livez says no
BEAT_S = 1.0
LIBRARY_LINE_S, LIBRARY_LINES = 10.0, 1_000
GC = (50_000, 50, 1000)  # held state is many small containers without cycles: the default collector costs a third

Task = Callable[[Group], Awaitable[None]]

log = logs.get(__name__)


class App(faust.App):
    """A Faust app that is asked for positions (streams.transport)."""

    logger = logging.getLogger("faust.app")
    gather_ms: int
    positions: Callable[[set[TP]], Awaitable[Mapping[TP, int]]]


def make_app(settings: Settings, group: str, loop: asyncio.AbstractEventLoop) -> App:
    """The app with the settings that were measured (docs/decisions/0001)."""
    transport.register()
    brokers = ";".join(f"{transport.SCHEME}://{address.strip()}" for address in settings.kafka.split(","))
    member = f"juliu-{group}-{settings.worker_id}"
    datadir = home() / "faust" / member  # Faust wants one, though nothing of ours is in it
    datadir.mkdir(parents=True, exist_ok=True)
    return App(
        f"juliu-{group}",
        loop=loop,
        broker=brokers,
        broker_client_id=member,
        consumer_group_instance_id=member,  # static: a worker started again in place has its partitions in seconds
        broker_session_timeout=SESSION_S,
        broker_heartbeat_interval=3.0,
        broker_commit_interval=2.0,
        broker_max_poll_interval=86_400.0,  # a store may be away for hours; who stands still without reason, ours finds
        consumer_auto_offset_reset="earliest",
        stream_buffer_maxsize=16,
        stream_wait_empty=False,  # what is in doubt at a rebalance, the fences tell
        topic_disable_leader=True,
        topic_allow_declare=False,
        store="memory://",
        datadir=str(datadir),
        key_serializer="raw",
        value_serializer=transport.SERIALIZER,
        worker_redirect_stdouts=False,
        web_enabled=False,
    )


class Consumed:
    """streams.group.Flow on Faust's consumer."""

    def __init__(self, app: App) -> None:
        self._app = app

    def pause(self, p: int) -> None:
        """See Flow."""
        if (tp := self._ours(p)) is not None:
            self._app.consumer.pause_partitions([tp])

    def resume(self, p: int) -> None:
        """See Flow."""
        if (tp := self._ours(p)) is not None:
            self._app.consumer.resume_partitions([tp])

    async def seek(self, p: int, offset: int) -> None:
        """See Flow."""
        if (tp := self._ours(p)) is None:
            return
        try:
            await self._app.consumer.seek_wait({tp: offset})
        except (KafkaError, TimeoutError) as error:  # reassigned meanwhile: the assignment brings its own position
            log.warning("seek", partition=p, error=repr(error))

    def _ours(self, p: int) -> TP | None:
        tp = TP(EVENTS.name, p)
        return tp if tp in self._app.consumer.assignment() else None


class Worker(faust.Worker):
    """Faust's, which tells the watchdog when an orderly stop begins."""

    watchdog: Watchdog

    def install_signal_handlers(self) -> None:
        """SIGINT and SIGTERM only: mode's others print every local variable, or open a debugger."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self.loop.add_signal_handler(number, self._schedule_shutdown, number)

    def _schedule_shutdown(self, number: signal.Signals) -> None:
        self.watchdog.stopping()
        super()._schedule_shutdown(number)


class Seldom(logging.Filter):
    """Of what aiokafka repeats several times a second while a broker is away, one line in LIBRARY_LINE_S each."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is logged."""
        if not record.name.startswith("aiokafka"):
            return True
        line = (record.name, str(record.msg)[:80])
        if record.created - self._last.get(line, 0.0) < LIBRARY_LINE_S or len(self._last) > LIBRARY_LINES:
            return False
        self._last[line] = record.created
        return True


class Beats:
    """When the loop was last seen to turn; before its first turn the process is alive and waits for its servers."""

    def __init__(self) -> None:
        self.at = float("inf")

    async def run(self, _group: Group) -> None:
        """Beat."""
        while True:
            self.at = time.monotonic()
            await asyncio.sleep(BEAT_S)

    def alive(self) -> Answer:
        """For /livez."""
        blocked_s = max(0.0, time.monotonic() - self.at)
        return blocked_s < BLOCKED_S, {"alive": blocked_s < BLOCKED_S, "blocked_s": round(blocked_s, 1)}


def run(settings: Settings, work: Work, waits: Waits | None = None, tasks: Sequence[Task] = ()) -> None:
    """Work until SIGTERM or SIGINT.  The process ends with a code of infra.exits on anything else."""
    _quiet_libraries()
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())  # for the consumer's thread too; a tenth less CPU an event
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    app = make_app(settings, work.group, loop)
    app.gather_ms = work.gather_ms
    group = Group(work, Consumed(app), waits or Waits())
    watchdog = Watchdog(group, ServersProbe(settings, work.group), lambda p: loop.call_soon_threadsafe(group.doubt, p))
    beats = Beats()
    _connect(app, group, settings.partitions, [beats.run, *tasks])
    with _health(settings, beats, group, watchdog):
        preflight.check(settings)
        watchdog.start()
        gc.freeze()
        gc.set_threshold(*GC)
        log.info("starts", group=work.group, worker_id=settings.worker_id, partitions=settings.partitions)
        _execute(app, loop, watchdog)
        log.info("stopped", group=work.group)
        watchdog.close()


@contextmanager
def _health(settings: Settings, beats: Beats, group: Group, watchdog: Watchdog) -> Iterator[None]:
    host, port = settings.metrics_host, settings.metrics_port
    try:
        health = Health(host, port, beats.alive, lambda: _ready(group, watchdog))
    except OSError as error:
        exits.end(exits.MISCONFIGURED, "metrics_port cannot be served", host=host, port=port, error=str(error))
    yield
    health.close()


def _quiet_libraries() -> None:
    """Of the life of Faust and aiokafka, only what is wrong, and that seldom."""
    for name in ("faust", "mode", "aiokafka"):
        logging.getLogger(name).setLevel(logging.WARNING)
    for handler in logging.getLogger().handlers:
        handler.addFilter(Seldom())


def _execute(app: App, loop: asyncio.AbstractEventLoop, watchdog: Watchdog) -> None:
    """Faust's life from start to stop."""
    worker = Worker(app, loop=loop, quiet=True, override_logging=False, redirect_stdouts=False)
    worker.watchdog, worker.spinner = watchdog, None
    try:
        worker.execute_from_commandline()
    except SystemExit as stop:  # how mode.Worker returns
        if stop.code:
            exits.end(exits.UNFORESEEN, "Faust gave up", status=str(stop.code))


def _connect(app: App, group: Group, partitions: int, tasks: Sequence[Task]) -> None:
    """Agent, positions and tasks of the app."""

    async def queue(stream: Any) -> None:
        async for event in stream.noack().events():
            if event.message.partition < partitions:
                group.put(event.message.partition, event.value.records, event.ack)

    async def positions(tps: set[TP]) -> Mapping[TP, int]:
        """From the fences.  Partitions that were added by hand hold nobody's events: they begin at their end."""
        ours = [tp.partition for tp in tps if tp.partition < partitions]
        found = {TP(EVENTS.name, p): offset for p, offset in (await group.positions(ours)).items()}
        if added := [tp for tp in tps if tp.partition >= partitions]:
            log.error(
                "partitions were added by hand: they are not read", partitions=sorted(tp.partition for tp in added)
            )
            found |= await app.consumer.highwaters(*added)
        return found

    async def finish(*_args: Any, **_kwargs: Any) -> None:
        await group.close()

    app.positions = positions
    app.on_before_shutdown.connect(finish, weak=False)
    app.agent(app.topic(EVENTS.name), concurrency=1, name=f"juliu-{group.work.group}")(queue)
    for task in tasks:
        app.task(_guarded(task, group))


def _guarded(task: Task, group: Group) -> Any:
    async def guarded() -> None:
        try:
            await task(group)
        except Exception as error:
            log.exception("unforeseen")
            exits.end(exits.UNFORESEEN, "unforeseen", error=repr(error))

    return guarded


def _ready(group: Group, watchdog: Watchdog) -> Answer:
    """For /readyz: the partitions have positions, and nothing is waited for."""
    waits = group.waits.now()
    waiting = {str(p): waiting.store for p, waiting in waits.items()}
    ready = group.positioned and group.held == group.assigned and not waiting and watchdog.healthy()
    lag = {str(p): watchdog.partitions[p].lag_records for p in sorted(group.held) if p in watchdog.partitions}
    says = {"ready": ready, "partitions": sorted(group.held), "waiting": waiting, "lag": lag}
    if needs := sorted({waiting.needs for waiting in waits.values() if waiting.needs}):
        says["needs"] = needs
    return ready, says
