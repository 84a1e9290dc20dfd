"""Records of steps into the log: in order, forgotten only when the log has them, again where that is in doubt."""

from __future__ import annotations

import threading

import pytest
from prometheus_client import REGISTRY

from domain.media.steps import Step
from domain.topics import MEDIA
from infra.fold_store import Wait
from infra.log_sender import BY_KEY
from infra.media.job import Record
from media_jobs import records
from media_jobs.records import KafkaSender, Records
from tests.memory_jobs import MemoryJobs, an_episode
from tests.redis_server import until

NOW_MS = 1_000_000


class Log:
    """A sender into a list; set `away`, and it does not take them."""

    def __init__(self) -> None:
        self.values: list[bytes] = []
        self.away = self.closed = False

    def send(self, batch):
        if self.away:
            raise Wait("kafka", "away")
        self.values += [record.value for record in batch]

    def close(self):
        self.closed = True


@pytest.fixture
def jobs():
    """A queue with three records."""
    queue = MemoryJobs(lambda: NOW_MS)
    queue.submit(an_episode())
    for step in (Step.PROBE, Step.CHECK, Step.LADDER):
        queue.finish(queue.lease("a", 1_000, [step]), {}, 1)
    return queue


def test_records_go_in_their_order_and_are_forgotten(jobs):
    log, written = Log(), [record.value for record in jobs.records(10)]
    assert Records(jobs, log).turn() is False
    assert log.values == written
    assert jobs.records(10) == []


def test_what_the_log_did_not_take_is_kept(jobs):
    log = Log()
    log.away = True
    with pytest.raises(Wait):
        Records(jobs, log).turn()
    assert len(jobs.records(10)) == 3


def test_more_than_a_batch_is_told_at_once(jobs, monkeypatch):
    monkeypatch.setattr(records, "BATCH", 2)
    its = Records(jobs, Log())
    assert [its.turn(), its.turn()] == [True, False]


def test_the_loop_waits_for_the_log_and_goes_on(jobs):
    log, stop = Log(), threading.Event()
    log.away = True
    its = Records(jobs, log)
    thread = threading.Thread(target=its.run, args=(stop, 0.01))
    thread.start()
    until(lambda: its.waits == "kafka", 10, "it says what it waits for")
    log.away = False
    until(lambda: len(log.values) == 3, 10, "all are sent")
    stop.set()
    thread.join(10)
    assert (log.closed, its.waits) == (True, "")


def test_the_metrics_say_how_much_there_is_to_do(jobs):
    Records(jobs, Log(), wall_ms=lambda: NOW_MS + 90_000).look()
    assert REGISTRY.get_sample_value("juliu_media_ready_steps", {"step": "store"}) == 1
    assert REGISTRY.get_sample_value("juliu_media_ready_steps", {"step": "probe"}) == 0
    assert REGISTRY.get_sample_value("juliu_media_ready_seconds") == 90
    assert REGISTRY.get_sample_value("juliu_media_records_waiting") == 3


class Producer:
    """A producer that reports a failure for the values it is told."""

    def __init__(self, config, failing=()):
        self.sent, self.purged, self._failing, self._reports = [], False, failing, []

    def produce(self, topic, value, key, partition, on_delivery):
        assert partition == BY_KEY
        self.sent.append((topic, key, value))
        self._reports.append((on_delivery, value in self._failing))

    def flush(self, seconds):
        for report, fails in self._reports:
            report(_Error() if fails else None, None)
        self._reports = []

    def purge(self):
        self.purged = True


class _Error:
    def str(self):
        return "timed out"


def test_every_record_is_reported_before_send_returns(stackless):
    made = []
    sender = KafkaSender(stackless, lambda config: made.append(Producer(config)) or made[-1])
    sender.send([Record(1, 7, b"a"), Record(2, 8, b"b")])
    assert made[0].sent == [(MEDIA.name, b"7", b"a"), (MEDIA.name, b"8", b"b")]


def test_one_failure_is_a_wait_and_another_producer_sends_all_again(stackless):
    made = []

    def make(config):
        made.append(Producer(config, failing=() if made else (b"b",)))
        return made[-1]

    sender = KafkaSender(stackless, make)
    batch = [Record(1, 7, b"a"), Record(2, 8, b"b")]
    with pytest.raises(Wait, match="timed out"):
        sender.send(batch)
    sender.send(batch)
    assert made[0].purged
    assert len(made[1].sent) == 2


@pytest.fixture
def stackless():
    from infra.settings import Settings

    return Settings()
