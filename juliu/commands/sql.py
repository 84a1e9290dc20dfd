"""`juliu sql`: an analyst's question to ClickHouse, read-only; days are days of Asia/Shanghai."""

from __future__ import annotations

import contextlib
import datetime
import json
import logging
import sys
from typing import Annotated, Any, NamedTuple

import typer
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from infra.clickhouse.client import connect
from infra.settings import load
from juliu.commands.json_option import Json
from juliu.commands.trouble import SERVER_TROUBLE, end

WRONG = 1  # exit code: ClickHouse does not take the statement
LONGEST_S = 300
HELLO = "Tables and views: `tables`. One of them: `describe plays`. A statement ends with its line. Leave: `exit`."
TABLES = """
SELECT name, comment FROM system.tables
WHERE database = currentDatabase() AND name != 'schema_versions' ORDER BY engine = 'View' DESC, name
"""
DESCRIBE = """
SELECT name, type, comment FROM system.columns
WHERE database = currentDatabase() AND table = {table:String} ORDER BY position
"""


class Found(NamedTuple):
    """The answer to a statement, cut off at the limit or not."""

    columns: list[str]
    rows: list[tuple[Any, ...]]
    more: bool


def sql(
    statement: Annotated[str, typer.Argument(help="one statement; without it a prompt, or what is piped in")] = "",
    as_json: Json = False,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="most rows to show")] = 1_000,
) -> None:
    """Ask ClickHouse; nothing can be changed here.  Begin with `juliu sql tables`."""
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)  # what it says, we say in our words
    try:
        with connect(load()) as client:
            if not statement and sys.stdin.isatty():
                _prompt(client, limit)
            else:
                _show(ask(client, statement or sys.stdin.read(), limit), as_json)
    except OperationalError as error:
        raise end(f"juliu sql: ClickHouse does not answer: {_words(error)}", SERVER_TROUBLE) from error
    except ClickHouseError as error:
        raise end(f"juliu sql: {_words(error)}", WRONG) from error


def ask(client: Client, statement: str, limit: int) -> Found:
    """The answer, of at most `limit` rows.  `tables` and `describe NAME` are short for what they say.

    Raises ClickHouseError.
    """
    settings = {
        "readonly": 1,
        "max_result_rows": limit + 1,
        "result_overflow_mode": "break",
        "max_execution_time": LONGEST_S,
        "session_timezone": "Asia/Shanghai",
    }
    text, parameters = _meant(statement.strip().removesuffix(";"))
    result = client.query(text, parameters, settings=settings)
    rows = [tuple(row) for row in result.result_rows[:limit]]
    return Found(list(result.column_names), rows, len(result.result_rows) > limit)


def _meant(statement: str) -> tuple[str, dict[str, str]]:
    match statement.split():
        case [word] if word.lower() == "tables":
            return TABLES, {}
        case [word, table] if word.lower() == "describe":
            return DESCRIBE, {"table": table}
    return statement, {}


def _prompt(client: Client, limit: int) -> None:
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401, PLC0415  history and editing of input(), where Python has it
    print(HELLO)
    while True:
        try:
            statement = input("juliu> ").strip()
        except (EOFError, KeyboardInterrupt):
            print()
            return
        if statement.lower().removesuffix(";") in ("exit", "quit"):
            return
        if statement:
            try:
                _show(ask(client, statement, limit), as_json=False)
            except ClickHouseError as error:
                print(_words(error))


def _show(found: Found, as_json: bool) -> None:
    if as_json:
        print(json.dumps(found._asdict(), ensure_ascii=False, default=str))
        return
    table = Table()
    numbers = found.rows[0] if found.rows else ()
    for at, name in enumerate(found.columns):
        right = len(numbers) > at and isinstance(numbers[at], int | float) and not isinstance(numbers[at], bool)
        table.add_column(escape(name), justify="right" if right else "left", overflow="fold")
    for row in found.rows:
        table.add_row(*(escape(_cell(value)) for value in row))
    Console().print(table)
    print(f"{len(found.rows):,} rows" + (", and there are more: --limit" if found.more else ""))


def _cell(value: Any) -> str:
    if isinstance(value, datetime.datetime):
        return str(value.replace(tzinfo=None))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _words(error: Exception) -> str:
    """What went wrong, without the driver's own preface."""
    return str(error).split("server response: ", 1)[-1].split(" (for url", 1)[0]
