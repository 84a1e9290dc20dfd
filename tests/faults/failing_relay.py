"""A relay that dies by kill -9 at the nth call of a port: python -m tests.faults.failing_relay INSTANT NTH

INSTANT: before-send, after-send (all reports are in, no row is marked), before-mark, after-mark, after-take.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from typing import Any

from infra import logs
from infra.mysql.engine import engine_of
from infra.settings import load
from streams.relay.mysql_outbox import MySqlOutbox
from streams.relay.relay import Pace, Relay
from streams.relay.sender import KafkaSender


class Mortal:
    """A port that kills its process around the nth call of one of its methods."""

    def __init__(self, port: Any, instant: str, nth: int) -> None:
        self._port = port
        self._when, self._call = instant.split("-")
        self._left = nth

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        return self._deadly(method) if name == self._call else method

    def _deadly(self, method: Any) -> Any:
        def deadly(*arguments: Any) -> Any:
            self._left -= 1
            if self._left == 0 and self._when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            answer = method(*arguments)
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return deadly


def main(instant: str, nth: int) -> None:
    """The composition root of streams.relay, with ports that kill."""
    settings = load()
    logs.setup("relay", settings)
    outbox = Mortal(MySqlOutbox(engine_of(settings)), instant, nth)
    sender = Mortal(KafkaSender(settings), instant, nth)
    pace = Pace(batch=settings.relay_batch, lease_ms=settings.relay_lease_ms)
    Relay(outbox, sender, f"relay-{settings.worker_id}", pace).run(threading.Event(), settings.relay_poll_ms / 1000)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
