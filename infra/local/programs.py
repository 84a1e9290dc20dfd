"""The list of what a local stack runs, in one place."""

from __future__ import annotations

import signal
from collections.abc import Mapping

from infra.local import local_env
from infra.local.clickhouse import ClickHouse
from infra.local.home import Home
from infra.local.kafka import Kafka
from infra.local.mariadb import MariaDB
from infra.local.processes import Process
from infra.local.program import LATER, SOON, Program
from infra.local.redis import Redis

_UVICORN_EXITS = frozenset({0, -signal.SIGTERM})  # having finished its requests, it ends by the signal that it got


def servers(home: Home, ports: Mapping[str, int], environment: Mapping[str, str]) -> list[Program]:
    """The four servers; `environment` is what local.env says."""
    return [
        Kafka(home, ports["kafka"], ports["kafka-controller"]),
        ClickHouse(home, ports["clickhouse"]),
        Redis(home, ports["redis"]),
        MariaDB(home, ports["mysql"], local_env.mysql_password(environment)),
    ]


def processes(home: Home, ports: Mapping[str, int]) -> list[Process]:
    """Our own processes; without those that an older version has left no port for, until the next start."""
    ours = [
        Process(home, "api", ("api",), ports["api"], is_api=True, clean_exits=_UVICORN_EXITS),
        Process(home, "relay", ("relay",), ports.get("relay", 0), has_outbox=True),
        Process(
            home, "stream-counters", ("stream", "counters"), ports["stream-counters"], group="counters", niceness=SOON
        ),
        Process(home, "stream-store", ("stream", "store"), ports["stream-store"], group="store", niceness=LATER),
        Process(home, "schedule", ("schedule",), ports["schedule"], niceness=LATER),
        Process(home, "media", ("media", "worker"), ports.get("media", 0), niceness=LATER),
    ]
    return [process for process in ours if process.port]
