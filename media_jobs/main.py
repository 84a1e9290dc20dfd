"""`juliu media worker`: a media worker in the foreground, until SIGTERM."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

from domain.media.trouble import StepFailed
from infra import exits, logs
from infra.fold_store import Wait
from infra.health import Answer, Health
from infra.media.transaction import NotMigrated
from infra.settings import Settings
from media_jobs import composition
from media_jobs.composition import Parts
from media_jobs.worker import Worker
from media_jobs.workplace import Taken

BLOCKED_S = 300.0  # a step that says nothing for so long hangs: uploads are told by the part, ffmpeg twice a second
STALE_S = 30.0  # without an answer of the queue, and without a step: /readyz says no
RECORDS_S = 1.0  # between looks for new records
UPKEEP_S = 5.0
ENDS_S = 15.0  # a batch of records in flight is waited for so long

log = logs.get(__name__)


def run_worker(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT, which give a running step back; see infra.exits for how else it may end."""
    logs.setup("media", settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    parts = _parts(settings)
    health = _health(settings, parts)
    _prepare(parts)
    beside = [_beside("records", parts.records.run, stop, RECORDS_S)]
    beside.append(_beside("tidy", keep_up, parts.tidier.turn, stop))
    if parts.upkeep:
        beside.append(_beside("upkeep", keep_up, parts.upkeep.tick, stop))
    if parts.dropped:
        beside.append(_beside("dropped", keep_up, parts.dropped.tick, stop))
    log.info("starts", owner=parts.worker.owner, steps=sorted(parts.worker.bodies), engine=settings.media_engine)
    _guarded(parts.worker.run, stop)
    for thread in beside:
        thread.join(ENDS_S)
    health.close()
    parts.close()
    log.info("stopped", owner=parts.worker.owner)


def alive(worker: Worker) -> Answer:
    """For /livez: the loop turns, or its step does."""
    told, hold = worker.told, worker.told.hold
    beat = max(told.beat, hold.beat if hold else 0.0)
    blocked_s = worker.clock() - beat if beat else 0.0
    return blocked_s < BLOCKED_S, {"alive": blocked_s < BLOCKED_S, "blocked_s": round(blocked_s, 1), "step": told.step}


def ready(parts: Parts) -> Answer:
    """For /readyz: the queue answered lately, or a step is under way; and nothing is waited for."""
    told = parts.worker.told
    fresh = bool(told.step) or (told.at is not None and parts.worker.clock() - told.at < STALE_S)
    waits = told.waits or parts.records.waits
    return fresh and not waits, {"ready": fresh and not waits, "waits": waits, "step": told.step}


def _parts(settings: Settings) -> Parts:
    try:
        return composition.parts_of(settings)
    except (Taken, ValueError) as error:
        exits.end(exits.MISCONFIGURED, str(error))


def keep_up(tick: Callable[[], object], stop: threading.Event) -> None:
    """What is looked after beside the steps, until `stop`; what a server's absence leaves undone comes later.

    What nobody foresaw ends the turn and not the process: no step needs it, and all workers would die of one bad row.
    """
    while not stop.wait(UPKEEP_S):
        try:
            tick()
        except Wait as error:
            log.warning("upkeep waits", store=error.store, error=str(error)[:300])
        except Exception:
            log.exception("upkeep failed")


def _beside(name: str, run: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=_guarded, args=(run, *arguments), name=name, daemon=True)
    thread.start()
    return thread


def _prepare(parts: Parts) -> None:
    """Sweep what killed uploads left, and see to the bucket's rules; where that fails, the next start does it."""
    try:
        parts.storage.prepare()
    except StepFailed as error:
        log.warning("storage not prepared", reason=error.reason, text=error.text)


def _guarded(run: Callable[..., None], *arguments: object) -> None:
    """What nobody foresaw ends the process, from whichever thread: the leases say what the next one does again."""
    try:
        run(*arguments)
    except NotMigrated as error:
        exits.end(exits.MISCONFIGURED, str(error))
    except Exception as error:
        log.exception("unforeseen")
        exits.end(exits.UNFORESEEN, "unforeseen", error=repr(error)[:300])


def _health(settings: Settings, parts: Parts) -> Health:
    host, port = settings.metrics_host, settings.metrics_port
    try:
        return Health(host, port, lambda: alive(parts.worker), lambda: ready(parts))
    except OSError as error:
        exits.end(exits.MISCONFIGURED, "metrics_port cannot be served", host=host, port=port, error=str(error))
