"""juliu.media reaches ClickHouse: each record once however often it was sent, and the views add up by hand."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import NewTopic
from structlog.testing import capture_logs

from domain.media import orders
from domain.media.orders import AT_TERMINAL, By, Surface, What
from domain.media.prices import Prices
from domain.media.record import StepEnded, encode
from domain.topics import DEAD, MEDIA
from infra.clickhouse.http import Http
from infra.clickhouse.media_rows import ClickHouseMediaRows, MediaRow
from infra.log_reader import LogReader
from infra.media.orders import ordered
from infra.place import ROOT
from infra.settings import Settings
from juliu.commands.sql import ask
from juliu.dead import letters
from streams.log_writer import LogWriter
from streams.media import GROUP, KafkaMediaLog, Media
from tests.fold_worker import Worker
from tests.media_records import AT_MS, USAGE, a_failure, a_record
from tests.redis_server import until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]
SOON_S = 60.0
PRICES = Prices(
    ci_minute={"360p": Decimal("0.02"), "720p": Decimal("0.04")}, ci_snapshot=Decimal("0.001"),
    storage_gb_month=Decimal("0.12"), cdn_gb=Decimal("0.2"),
)  # fmt: skip


def send(settings: Settings, topic: str, *values: bytes) -> None:
    producer = Producer({"bootstrap.servers": settings.kafka, "acks": "all"})
    for value in values:
        producer.produce(topic, value, b"7", 0)
    assert producer.flush(30) == 0


async def read_to_the_end(settings: Settings, topic: str) -> None:
    """As the store worker does it, with connections of this test's own."""
    http, log = Http(settings), KafkaMediaLog(settings, topic)
    media = Media(log, ClickHouseMediaRows(http, PRICES), LogWriter(settings.kafka, "test-media"), "test")
    try:
        while await media.turn():
            pass
    finally:
        log.close()
        await http.close()


async def put(settings: Settings, *records: StepEnded) -> None:
    """Rows, without a log."""
    http = Http(settings)
    try:
        await ClickHouseMediaRows(http, PRICES).insert([MediaRow(at, record) for at, record in enumerate(records)])
    finally:
        await http.close()


def one(client: Any, sql: str) -> dict[str, Any]:
    """The one row of an answer."""
    result = client.query(sql)
    assert len(result.result_rows) == 1, result.result_rows
    return dict(zip(result.column_names, result.result_rows[0], strict=True))


async def test_a_record_that_was_sent_twice_is_there_once(settings, client, topic):
    record, other = a_record(usage=USAGE, content_ms=90_000), a_record(token=2, step="cdn")
    send(settings, topic, encode(record), encode(record), encode(other))
    await read_to_the_end(settings, topic)
    send(settings, topic, encode(record))
    await read_to_the_end(settings, topic)
    found = client.query("SELECT record_id, count() FROM media_steps FINAL GROUP BY record_id ORDER BY 1").result_rows
    assert found == [("1:cdn:2", 1), ("1:store:1", 1)]
    assert one(client, "SELECT max(log_offset) AS last FROM media_steps")["last"] == 3


async def test_who_cancelled_what_is_told_once_however_often_it_was_sent(settings, client, topic):
    anna, li = By(Surface.API, "41"), By(Surface.CLI, "li")
    given = [
        ordered(anna, What.SUBMIT, AT_MS, 7, episode_no=3, job_id=5, detail="incoming/7/3/a.mp4"),
        ordered(li, What.CANCEL, AT_MS + 9, 7, episode_no=3, job_id=5),
        ordered(AT_TERMINAL, What.CANCEL, AT_MS + 5, 8, job_id=6),
    ]
    send(settings, topic, *map(orders.encode, given), encode(a_record()), orders.encode(given[1]))
    for _ in range(2):
        await read_to_the_end(settings, topic)
    (question,) = re.findall(r'^juliu sql "(.*what = \'cancel\'.*)"$', page("media.md"), re.MULTILINE)
    found = [tuple(row)[1:] for row in client.query(question).result_rows]
    assert found == [("li", "cli", 7, 3, 5), ("cli", "cli", 8, 0, 6)]
    row = one(client, "SELECT * FROM media_orders FINAL WHERE what = 'submit'")
    assert (row["who"], row["surface"], row["detail"], row["job_id"]) == ("41", "api", "incoming/7/3/a.mp4", 5)
    assert row["at"].timestamp() * 1000 == pytest.approx(AT_MS)
    assert one(client, "SELECT count() AS n FROM media_steps FINAL")["n"] == 1


async def test_a_topic_that_was_made_anew_and_has_grown_is_read_from_its_begin(settings, client, topic, kafka_admin):
    send(settings, topic, *(encode(a_record(token=token)) for token in range(1, 4)))
    await read_to_the_end(settings, topic)
    kafka_admin.delete_topics([topic])[topic].result(30)
    until(lambda: made(kafka_admin, topic), 30, "Kafka has forgotten the old one")
    send(settings, topic, *(encode(a_record(job_id=2, token=token)) for token in range(1, 7)))
    for _ in range(2):
        await read_to_the_end(settings, topic)
    found = client.query("SELECT job_id, count() FROM media_steps FINAL GROUP BY job_id ORDER BY 1").result_rows
    assert found == [(1, 3), (2, 6)]


async def test_a_month_of_nothing_but_orders_is_no_loss_in_the_tables_either(settings, client, topic, kafka_admin):
    cancels = [orders.encode(ordered(AT_TERMINAL, What.CANCEL, AT_MS, 8, job_id=6)) for _ in range(3)]
    send(settings, topic, encode(a_record()), *cancels)
    await read_to_the_end(settings, topic)
    gone = TopicPartition(topic, 0, 3)
    kafka_admin.delete_records([gone])[gone].result(30)
    with capture_logs() as told:
        await read_to_the_end(settings, topic)
    assert [row for row in told if row["log_level"] == "error"] == []
    assert one(client, "SELECT count() AS n FROM media_orders FINAL")["n"] == 3


def made(kafka_admin: Any, topic: str) -> bool:
    try:
        kafka_admin.create_topics([NewTopic(topic, 4, 1)])[topic].result(30)
    except KafkaException:
        return False
    return True


async def test_a_row_holds_what_the_record_says_and_what_it_cost(settings, client):
    await put(settings, a_record(usage=USAGE, content_ms=90_000, text="好 \n\t'\"\\ 的"))
    row = one(client, "SELECT * FROM media_steps")
    assert (row["job_id"], row["drama_id"], row["episode_no"], row["step"]) == (1, 7, 3, "store")
    assert row["at"].timestamp() * 1000 == pytest.approx(AT_MS + 1)
    assert (row["title"], row["text"], row["outcome"], row["attempt"]) == ("重生之门", "好 \n\t'\"\\ 的", "done", 1)
    assert (row["waited_ms"], row["ran_ms"], row["cpu_ms"], row["content_ms"]) == (1_000, 30_000, 45_000, 90_000)
    assert row["ci_ms"] == {"360p": 90_000, "720p": 90_000}
    assert row["processing_yuan"] == Decimal("0.093")
    assert row["storage_yuan_month"] == Decimal("0.12")
    assert (row["cdn_play_yuan"], row["platform_play_yuan"]) == (Decimal("0.004"), 0)
    assert row["unpriced"] == ["platform_gb"]


async def test_the_smallest_price_keeps_its_digits(settings, client):
    await put(settings, a_record(usage=type(USAGE)(stored_bytes=10, cdn_play_bytes=5)))
    row = one(client, "SELECT storage_yuan_month, cdn_play_yuan FROM media_steps")
    assert row == {"storage_yuan_month": Decimal("0.000000001"), "cdn_play_yuan": Decimal("0.000000001")}


async def test_costs_add_up_over_attempts_and_jobs(settings, client):
    await put(
        settings,
        a_record(step="probe", token=1, content_ms=60_000, cpu_ms=500),
        a_record(step="ladder", token=2, outcome="again", failure="again", reason="ci_busy", cpu_ms=1_000, usage=USAGE),
        a_record(step="ladder", token=3, cpu_ms=5_000, usage=USAGE, attempt=2),
        a_record(step="ladder", job_id=2, token=4, cpu_ms=6_000, usage=USAGE, title="重生之门 2"),
        a_record(step="ladder", token=5, episode_no=4, cpu_ms=7_000),
    )
    row = one(client, "SELECT * FROM media_costs WHERE drama_id = 7 AND episode_no = 3 AND step = 'ladder'")
    assert (row["title"], row["attempts"], row["failures"]) == ("重生之门 2", 3, 1)
    assert (row["cpu_s"], row["content_ms"], row["cpu_s_a_minute"]) == (12.0, 60_000, 12.0)
    assert row["ci_minutes"] == 9.0
    assert row["processing_yuan"] == pytest.approx(3 * 0.093), "every attempt was paid for"
    assert (row["stored_gb"], row["storage_yuan_month"]) == (1.0, pytest.approx(0.12)), "what was replaced is not there"
    assert row["cdn_yuan_1000_plays"] == pytest.approx(4.0)
    assert row["unpriced"] == ["platform_gb"]
    alone = one(client, "SELECT content_ms, cpu_s_a_minute FROM media_costs WHERE episode_no = 4")
    assert alone == {"content_ms": 0, "cpu_s_a_minute": 0.0}


async def test_failures_are_told_by_reason_with_what_to_do(settings, client):
    await put(
        settings,
        a_failure("pull_failed", step="pull", token=1),
        a_failure("pull_failed", "failed", step="pull", token=2, job_id=9, episode_no=4, text="sign the address again"),
        a_failure("no_audio", "rejected", step="check", token=3),
        a_record(step="pull", token=4),
        a_record(step="pull", token=5, outcome="cancelled", reason="cancelled"),
    )
    row = one(client, "SELECT * FROM media_failures WHERE reason = 'pull_failed'")
    assert (row["step"], row["attempts"], row["ended"], row["episodes"]) == ("pull", 2, 1, 2)
    assert row["share"] == pytest.approx(2 / 3)
    assert (row["last_job_id"], row["last_text"]) == (9, "sign the address again")
    assert one(client, "SELECT failure, ended FROM media_failures WHERE step = 'check'") == {
        "failure": "mend",
        "ended": 1,
    }


async def test_traffic_is_what_was_played_by_whom_it_came(settings, client):
    await put(settings, a_record(usage=USAGE, content_ms=90_000))
    played = [("weapp", 0, 45_000), ("h5", 0, 90_000), ("h5", 90_000, 0)]
    values = ", ".join(
        f"(0, {at}, 'heartbeat', {at + 1}, 's', {at}, 7, 3, fromUnixTimestamp64Milli({AT_MS}, 'Asia/Shanghai'),"
        f" now64(3), {start}, {end}, '{platform}')"
        for at, (platform, start, end) in enumerate(played)
    )
    client.command(
        "INSERT INTO events (partition, offset, event_type, user_id, session_id, seq, drama_id, episode_no, ts,"
        f" received_at, from_ms, to_ms, platform) VALUES {values}"
    )
    row = one(client, "SELECT * FROM media_traffic WHERE drama_id = 7")
    assert (row["cdn_minutes"], row["platform_minutes"]) == (1.5, 0.75)
    assert (row["cdn_gb"], row["platform_gb"]) == (pytest.approx(0.02), pytest.approx(0.015))
    assert (row["cdn_yuan"], row["platform_yuan"]) == (pytest.approx(0.004), 0)


async def test_what_cannot_be_read_is_a_letter_that_nobody_replays_into_the_events(settings, client, topic):
    before = time.time() * 1000
    send(settings, topic, b"garbage", encode(a_record()))
    await read_to_the_end(settings, topic)
    with LogReader(settings, DEAD.name) as reader:
        found = letters.cases(letters.entries(reader, int(before)), group=GROUP)
    (case,) = found.values()
    assert case.ref == f"{MEDIA.name}:0:0"
    assert "another log" in case.barred
    assert one(client, "SELECT count() AS n FROM media_steps")["n"] == 1


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


@pytest.mark.parametrize("name", ["media.md", "runbooks/media.md"])
def test_the_questions_of_the_docs_can_be_asked(client, name):
    asked = re.findall(r'^juliu sql "(.*)"$', page(name), re.MULTILINE)
    assert len(asked) >= 2
    for question in asked:
        ask(client, question, 10)


@pytest.fixture
def store(stack: Settings, tmp_path: Path) -> Iterator[Worker]:
    code = "from juliu.commands.stream import store; store()"
    worker = Worker(stack, stack.redis_url, tmp_path / "store.log", code)
    yield worker
    worker.close()


def test_the_store_worker_brings_it_in(stack, store, clickhouse):
    """The process as it is installed."""
    database, job = stack.clickhouse_database, int(time.time() * 1000)
    send(stack, MEDIA.name, *[encode(a_record(job_id=job, token=token)) for token in (1, 2, 2, 1)])
    count = f"SELECT count() FROM {database}.media_steps FINAL WHERE job_id = {job}"
    until(lambda: clickhouse.command(count) == 2, SOON_S, "both are there, once each")
    until(lambda: "juliu_media_rows_at_seconds 1" in store.ask("/metrics")[1], SOON_S, "it says when it had all")
    assert store.stop() == 0
