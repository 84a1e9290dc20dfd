"""Dead letters and pulses where several partitions write at once: no report is taken for another's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import KafkaError

from infra.fold_store import Wait
from streams import log_writer
from streams.log_writer import Letter, LogWriter

LETTERS = [Letter("juliu.dead", b"7", b"a"), Letter("juliu.dead", b"7", b"b")]


class Obedient:
    """A producer whose flush reports `reports`, in order, and then does `also`."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[KafkaError | None, Any], None]] = []
        self.reports: list[KafkaError | None] = []
        self.also: Callable[[], object] = lambda: None

    def produce(self, *arguments: Any, headers: Any) -> None:
        """See Producer."""
        self.callbacks.append(arguments[4])
        self.also()

    def flush(self, _timeout: float) -> int:
        """Nothing is left, whoever hears the reports."""
        for callback, error in zip(self.callbacks, self.reports, strict=False):
            callback(error, None)
        return 0


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> tuple[LogWriter, Obedient]:
    """A writer and its producer."""
    producer = Obedient()
    monkeypatch.setattr(log_writer, "Producer", lambda _config: producer)
    return LogWriter("nowhere", "test"), producer


async def test_all_reports_and_not_fewer_make_a_write(made: tuple[LogWriter, Obedient]) -> None:
    writer, producer = made
    producer.reports = [None, None]
    await writer.write(LETTERS)
    producer.callbacks = []
    producer.reports = [None]  # the other one is heard by another thread, a moment later: maybe a failure
    with pytest.raises(Wait):
        await writer.write(LETTERS)


async def test_a_letter_that_failed_is_a_wait(made: tuple[LogWriter, Obedient]) -> None:
    writer, producer = made
    producer.reports = [None, KafkaError(KafkaError._MSG_TIMED_OUT)]
    with pytest.raises(Wait, match="TIMED_OUT"):
        await writer.write(LETTERS)


async def test_another_write_that_failed_meanwhile_takes_nothing_away(made: tuple[LogWriter, Obedient]) -> None:
    writer, producer = made
    producer.reports = [None, None]
    producer.also = lambda: setattr(writer, "_producer", None)
    await writer.write(LETTERS)
