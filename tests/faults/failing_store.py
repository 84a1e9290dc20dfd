"""`juliu stream store` that dies by kill -9 at a chosen instant: python -m tests.faults.failing_store INSTANT NTH

INSTANT: before-insert, after-insert, after-close (the `blocks` row is in, the windows are not), after-apply.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from infra import logs
from infra.clickhouse.clickhouse_row_store import ClickHouseRowStore
from infra.clickhouse.http import Http
from infra.fold_store import RedisFoldStore, connect
from infra.settings import load
from streams import dead, runtime
from streams.log_writer import LogWriter
from streams.pulses import Clock, Pulses, interval_s
from streams.store import GROUP, Store


class Mortal:
    """A port that kills its process around the nth call of one of its methods."""

    def __init__(self, port: Any, instant: str, nth: int) -> None:
        self._port = port
        self._when, self._call = instant.split("-")
        self._left = nth

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._port, name)
        if name != self._call:
            return method

        async def deadly(*arguments: Any) -> Any:
            self._left -= 1
            fatal = self._left == 0  # others may call while this one waits
            if fatal and self._when == "before":
                os.kill(os.getpid(), signal.SIGKILL)
            answer = await method(*arguments)
            if fatal:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer

        return deadly


def main() -> None:
    """The composition root of streams.store, with ports that kill."""
    instant, nth = sys.argv[1], int(sys.argv[2])
    settings = load()
    logs.setup("stream-store", settings)
    redis, log = connect(settings.redis_url), LogWriter(settings.kafka, "failing-store")
    rows = Mortal(ClickHouseRowStore(Http(settings)), instant, nth)
    windows = Mortal(RedisFoldStore(redis, GROUP), instant, nth)
    letters = dead.Dead(GROUP, log, dead.Budget(redis, GROUP, "test"), "test")
    work = Store(rows, windows, letters, settings.partitions)  # type: ignore[arg-type]
    pulses = Pulses(work, log, Clock(interval_s(settings.pulse_ms, settings.partitions)))
    runtime.run(settings, work, tasks=[pulses.run])


if __name__ == "__main__":
    main()
