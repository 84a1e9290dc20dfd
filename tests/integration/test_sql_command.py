"""`juliu sql` on a real ClickHouse: answers, days of Asia/Shanghai, and nothing can be changed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from clickhouse_connect.driver.exceptions import DatabaseError

from infra.clickhouse.client import connect
from infra.clickhouse.migrate import migrate
from infra.settings import Settings
from juliu.commands.sql import ask

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def client(stack: Settings) -> Iterator[Any]:
    settings = stack.model_copy(update={"clickhouse_database": "sql_command"})
    migrate(settings)
    with connect(settings) as client:
        yield client
        client.command("DROP DATABASE sql_command SYNC")


def juliu_sql(stack: Settings, *words: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "juliu", "sql", *words], input=stdin, capture_output=True, text=True, timeout=60,
        env=os.environ | {"JULIU_CLICKHOUSE_DATABASE": "sql_command"} | environment, check=False,
    )  # fmt: skip


def test_rows_are_cut_off_at_the_limit_and_said_to_be(client):
    found = ask(client, "SELECT number FROM numbers(100000);", 3)
    assert (found.columns, found.rows, found.more) == (["number"], [(0,), (1,), (2,)], True)
    assert not ask(client, "SELECT number FROM numbers(3)", 3).more


def test_a_day_begins_at_midnight_in_shanghai(client):
    found = ask(client, "SELECT toString(toDate(toDateTime(1735660800))), timezone()", 1)  # 2024-12-31 16:00 UTC
    assert found.rows == [("2025-01-01", "Asia/Shanghai")]


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE events",
        "INSERT INTO blocks (partition) VALUES (1)",
        "ALTER TABLE events DELETE WHERE 1",
        "CREATE TABLE t (a UInt8) ENGINE = Memory",
        "SELECT 1 SETTINGS readonly = 0",
        "SET readonly = 0",
    ],
)
def test_nothing_can_be_changed(client, statement):
    with pytest.raises(DatabaseError, match=r"READONLY|readonly"):
        ask(client, statement, 10)


def test_tables_and_describe_are_short_for_what_the_database_says_of_itself(client):
    tables = dict(ask(client, "tables", 100).rows)
    assert tables.keys() >= {"events", "plays", "drama_daily"}
    assert "Asia/Shanghai" in tables["plays"]
    assert ask(client, "DESCRIBE plays", 100).rows[0][0] == "day"


def test_an_answer_for_programs_and_a_statement_from_a_pipe(stack, client):
    done = juliu_sql(stack, "--json", stdin="SELECT 1 AS a, '剧' AS b")
    assert json.loads(done.stdout) == {"columns": ["a", "b"], "rows": [[1, "剧"]], "more": False}


def test_a_wrong_statement_and_a_server_that_is_away_end_differently(stack, client):
    wrong = juliu_sql(stack, "SELECT nonsense")
    assert (wrong.returncode, "nonsense" in wrong.stderr, wrong.stdout) == (1, True, "")
    away = juliu_sql(stack, "SELECT 1", JULIU_CLICKHOUSE_URL="http://127.0.0.1:1")
    assert (away.returncode, "does not answer" in away.stderr) == (3, True)
    assert "Traceback" not in wrong.stderr + away.stderr
