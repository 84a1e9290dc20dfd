"""The schema as ClickHouse has it: explained in itself, with room for all of an event, and what the worker leans on."""

from __future__ import annotations

import re
import shutil
import time
import uuid
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from clickhouse_migrations.exceptions import MigrationException

from domain import events
from domain.blocks import MAX_LIMIT, Block
from infra.clickhouse import columns
from infra.clickhouse import migrate as migrations
from infra.clickhouse.clickhouse_row_store import ClickHouseRowStore
from infra.clickhouse.client import connect
from infra.clickhouse.http import Http
from infra.clickhouse.migrate import migrate
from infra.clickhouse.row_store import Insert, month
from infra.clickhouse.statements import INSERT
from infra.fold_store import Wait
from infra.settings import Settings

pytestmark = pytest.mark.servers

NOW_MS = int(time.time() * 1000)
TABLES = {
    "events", "late_events", "blocks", "plays", "drama_daily", "episode_dropoff", "reactions_daily", "unlock_daily",
    "user_daily", "late_reasons", "rec_models", "experiment_daily", "random_slots",
    "media_steps", "media_orders", "media_costs", "media_failures", "media_traffic",
}  # fmt: skip


@pytest.fixture(scope="module")
def migrated(stack: Settings) -> Iterator[Settings]:
    settings = stack.model_copy(update={"clickhouse_database": "schema_test"})
    migrate(settings)
    yield settings
    with connect(stack) as client:
        client.command("DROP DATABASE schema_test SYNC")


@pytest.fixture
def client(migrated: Settings) -> Iterator[Any]:
    with connect(migrated) as client:
        yield client


def names(client: Any, sql: str) -> set[str]:
    return {str(row[0]) for row in client.query(sql).result_rows}


def test_migrating_again_changes_nothing(migrated):
    assert migrate(migrated) == []


def test_a_file_that_was_edited_after_it_was_applied_is_refused(migrated, tmp_path, monkeypatch):
    shutil.copytree(migrations.MIGRATIONS, tmp_path / "migrations")
    monkeypatch.setattr(migrations, "MIGRATIONS", tmp_path / "migrations")
    with (tmp_path / "migrations" / "003_blocks.sql").open("a") as file:
        file.write("-- edited\n")
    with pytest.raises(MigrationException):
        migrate(migrated)


def test_tables_columns_and_views_are_explained_in_the_database(client):
    ours = "database = currentDatabase() AND name != 'schema_versions'"
    assert names(client, f"SELECT name FROM system.tables WHERE {ours}") == TABLES
    assert names(client, f"SELECT name FROM system.tables WHERE {ours} AND comment = ''") == set()
    bare = "database = currentDatabase() AND table != 'schema_versions' AND comment = ''"
    assert names(client, f"SELECT table || '.' || name FROM system.columns WHERE {bare}") == set()


def test_every_field_of_every_event_has_a_column_also_where_it_is_late(client):
    fields = {field.name for event in events.ALL for field in msgspec.structs.fields(event)} - {"ticket"}
    assert fields <= {field.name for field in columns.FIELDS}
    for table in INSERT:
        of_table = f"database = currentDatabase() AND table = '{table}'"
        there = names(client, f"SELECT name FROM system.columns WHERE {of_table}")
        assert {field.column or field.name for field in columns.FIELDS} == there, table


async def test_a_row_says_what_the_event_said(migrated, client):
    sent = events.PlayEnded(
        event_id=str(uuid.UUID(int=5)), seq=4, at_ms=NOW_MS - 70_000, request_id="q1", user_id=7, session_id="s",
        ts_ms=NOW_MS - 50_000, received_at_ms=NOW_MS, clock_reset=True, app_id="wx1", platform="weapp", version="1.2.0",
        network="wifi", scene=1001, channel="c", drama_id=3, drama_index=9, episode_no=2, play_id=str(uuid.UUID(int=6)),
        duration_ms=90_000, from_ms=5_000, to_ms=7_000, wall_ms=2_100, stalls=1, stall_ms=120, reason="next",
    )  # fmt: skip
    http = Http(migrated)
    insert = Insert("events", 60, Block(0, 0), month(NOW_MS), [(0, events.encode(sent))])
    assert await ClickHouseRowStore(http).insert(insert)
    await http.close()
    row = next(client.query("SELECT * FROM events WHERE partition = 60").named_results())
    said = {name: row[name] for name in msgspec.structs.asdict(sent).keys() & row.keys()}
    assert said == {name: msgspec.structs.asdict(sent)[name] for name in said} | {
        "event_id": uuid.UUID(int=5), "play_id": uuid.UUID(int=6),
    }  # fmt: skip
    times = {"ts": sent.ts_ms, "received_at": sent.received_at_ms, "device_at": sent.at_ms}
    assert {name: round(row[name].timestamp() * 1000) for name in times} == times
    assert (row["event_type"], row["partition"], row["offset"]) == ("play_ended", 60, 0)
    assert row["ts"].tzinfo.key == "Asia/Shanghai"


@pytest.mark.parametrize("propensity", [0.0, 0.25, 1.0, 1e-7, 5e-324])
async def test_a_chance_of_any_size_is_stored_to_seven_digits(migrated, client, propensity):
    partition = 70 + [0.0, 0.25, 1.0, 1e-7, 5e-324].index(propensity)
    sent = events.Impression(
        event_id=str(uuid.UUID(int=partition)), seq=1, at_ms=NOW_MS, ts_ms=NOW_MS, received_at_ms=NOW_MS, user_id=7,
        session_id="s", drama_id=3, position=4, source="random", arm="b", request_id="q", propensity=propensity,
    )  # fmt: skip
    http = Http(migrated)
    insert = Insert("events", partition, Block(0, 0), month(NOW_MS), [(0, events.encode(sent))])
    assert await ClickHouseRowStore(http).insert(insert)
    await http.close()
    columns_read = "position, source, arm, request_id, propensity"
    (row,) = client.query(f"SELECT {columns_read} FROM events WHERE partition = {partition}").result_rows
    assert row == (4, "random", "b", "q", pytest.approx(propensity, rel=1e-6))


async def test_the_largest_block_is_one_part(migrated, client):
    value = events.encode(a_like(1)).replace(b'"seq":1', b'"seq":%d')
    rows = [(offset, value % (offset + 1)) for offset in range(MAX_LIMIT)]
    http = Http(migrated)
    store = ClickHouseRowStore(http)
    insert = Insert("late_events", 61, Block(0, MAX_LIMIT - 1), month(NOW_MS), rows)
    for _ in range(2):
        assert await store.insert(insert)
    await http.close()
    assert client.command("SELECT count() FROM late_events WHERE partition = 61") == MAX_LIMIT
    parts = "SELECT uniqExact(_part) FROM late_events WHERE partition = 61"
    assert client.command(parts) == 1


def test_the_question_by_primary_key_reads_a_granule_of_a_part(migrated, client):
    client.command(
        "INSERT INTO events (event_type, ts, received_at, drama_id, user_id, session_id, seq, partition, offset)"
        " SELECT 'liked', now64(3) - number % 3 * 86400, now64(3), number % 50, number % 1000, 's', number, 62, number"
        " FROM numbers(200000)"
    )
    client.command("OPTIMIZE TABLE events FINAL")
    plan = client.query(
        "EXPLAIN indexes = 1 SELECT count() FROM events WHERE toYYYYMM(received_at) = toYYYYMM(now()) AND"
        " event_type = 'liked' AND toDate(ts) = toDate(now(), 'Asia/Shanghai') AND drama_id = 7 AND user_id = 7"
        " AND session_id = 's' AND seq = 7 AND partition = 62 AND offset = 7"
    ).result_rows
    of_each_index = re.findall(r"Granules: (\d+)/(\d+)", "\n".join(str(line) for (line,) in plan))
    read, of = int(of_each_index[-1][0]), max(int(of) for _, of in of_each_index)
    assert (read <= 2, of > 20) == (True, True), plan


@pytest.mark.parametrize(
    "wrong",
    [{"clickhouse_url": "http://127.0.0.1:1"}, {"clickhouse_database": "no_such"}, {"clickhouse_user": "nobody"}],
)
async def test_whatever_a_person_must_mend_is_waited_for(migrated, wrong):
    http = Http(migrated.model_copy(update=wrong))
    with pytest.raises(Wait, match="clickhouse"):
        await ClickHouseRowStore(http).block_fence(0)
    await http.close()


def a_like(seq: int) -> events.Liked:
    return events.Liked(
        event_id=str(uuid.UUID(int=seq)), seq=seq, at_ms=NOW_MS, ts_ms=NOW_MS, received_at_ms=NOW_MS, user_id=7,
        session_id="s", drama_id=3, episode_no=1,
    )  # fmt: skip
