"""Makes the class-data archive of Kafka's jars, from one throw-away start and stop of a broker.

Measured: 9 s once, 47 MB; the broker's start then takes about 2.5 s instead of 4-5 s.
"""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import time
from pathlib import Path

from infra.local import kafka_jars, ports
from infra.local.errors import NotReady, StackError
from infra.local.home import Home
from infra.local.kafka import Kafka

_READY_WITHIN_S = 90.0
_DUMP_WITHIN_S = 120.0


def make_archive() -> None:
    """Make it anew.  Raises StackError when the broker does not start."""
    partial = kafka_jars.archive().with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(prefix="juliu-") as scratch:
        chosen, _ = ports.choose({}, ports.is_free, random.Random())  # noqa: S311  a port is no secret
        broker = Kafka(Home(Path(scratch)), chosen["kafka"], chosen["kafka-controller"])
        broker.prepare()
        _run_once(broker, partial, Path(scratch) / "broker.log")
    if not partial.exists():
        raise StackError("Java made no class-data archive of Kafka; start without one")
    partial.rename(kafka_jars.archive())


def archiving(command: list[str], target: Path) -> list[str]:
    """The broker's command as one that writes the archive when it ends."""
    options = command.index("java") + 1  # the command may begin with another program: see giving_way
    return [*command[:options], f"-XX:ArchiveClassesAtExit={target}", *command[options:]]


def _run_once(broker: Kafka, target: Path, log: Path) -> None:
    environment = {**os.environ, **broker.environment()}
    with log.open("wb") as output:
        process = subprocess.Popen(
            archiving(broker.command(), target),
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment,
        )  # fmt: skip
    try:
        _wait_ready(broker, process, log)
        process.terminate()
        process.wait(_DUMP_WITHIN_S)
    finally:
        process.kill()
        process.wait()


def _wait_ready(broker: Kafka, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _READY_WITHIN_S
    while process.poll() is None and time.monotonic() < until:
        try:
            broker.probe()
        except NotReady:
            time.sleep(0.1)
        else:
            return
    raise StackError(f"Kafka did not start to have its classes archived:\n{log.read_text(errors='replace')[-1000:]}")
