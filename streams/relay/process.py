"""`juliu relay`: the composition root of the relay, in the foreground, until SIGTERM."""

from __future__ import annotations

import signal
import threading

from infra import exits, logs
from infra.health import Answer, Health
from infra.mysql.engine import engine_of
from infra.settings import Settings
from streams import preflight
from streams.relay.mysql_outbox import MySqlOutbox, NotMigrated
from streams.relay.relay import Pace, Relay
from streams.relay.sender import KafkaSender

ANSWER_S = 10  # of one statement
BLOCKED_S = 60.0  # a turn is a few statements and one wait for Kafka
STALE_S = 30.0  # without a complete turn: /readyz says no
MAX_OWNER = 64  # characters of outbox_leases.owner

log = logs.get(__name__)


def main(settings: Settings) -> None:
    """Relay until SIGTERM or SIGINT; see infra.exits for how else it may end."""
    logs.setup("relay", settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    engine = engine_of(settings, pool=1, answer_s=ANSWER_S)
    owner = f"relay-{settings.worker_id}"[:MAX_OWNER]
    pace = Pace(batch=settings.relay_batch, lease_ms=settings.relay_lease_ms)
    relay = Relay(MySqlOutbox(engine), KafkaSender(settings), owner, pace)
    health = _health(settings, relay)
    preflight.check(settings)
    log.info("starts", owner=owner, partitions=settings.partitions)
    _run(relay, stop, settings.relay_poll_ms / 1000)
    health.close()
    engine.dispose()
    log.info("stopped", owner=owner)


def _run(relay: Relay, stop: threading.Event, poll_s: float) -> None:
    try:
        relay.run(stop, poll_s)
    except NotMigrated as error:
        exits.end(exits.MISCONFIGURED, str(error))
    except Exception as error:
        log.exception("unforeseen")
        exits.end(exits.UNFORESEEN, "unforeseen", error=repr(error)[:300])


def _health(settings: Settings, relay: Relay) -> Health:
    host, port = settings.metrics_host, settings.metrics_port
    try:
        return Health(host, port, lambda: alive(relay), lambda: ready(relay))
    except OSError as error:
        exits.end(exits.MISCONFIGURED, "metrics_port cannot be served", host=host, port=port, error=str(error))


def alive(relay: Relay) -> Answer:
    """For /livez: the loop turns, or has not begun because the servers are waited for."""
    blocked_s = relay.clock() - relay.told.beat if relay.told.beat else 0.0
    return blocked_s < BLOCKED_S, {"alive": blocked_s < BLOCKED_S, "blocked_s": round(blocked_s, 1)}


def ready(relay: Relay) -> Answer:
    """For /readyz: a turn was complete lately and nothing is waited for.  A relay without shards stands by."""
    told = relay.told
    fresh = told.at is not None and relay.clock() - told.at < STALE_S
    return fresh and not told.waits, {"ready": fresh and not told.waits, "waits": told.waits, "shards": told.shards}
