"""The commands as they are typed: their JSON, their exit codes, and what is said when a server is away."""

from __future__ import annotations

import json
from typing import Any

import pytest
from typer.testing import CliRunner

from infra.settings import Settings
from juliu.cli import app_for

pytestmark = pytest.mark.servers


def typed(*words: str) -> Any:
    """`juliu ...`."""
    return CliRunner().invoke(app_for(words[0]), list(words))


@pytest.mark.parametrize("words", [("dead", "list"), ("late", "list")])
def test_lists_are_json_for_programs_and_lines_for_people(stack: Settings, words: tuple[str, ...]) -> None:
    done = typed(*words, "--json")
    assert done.exit_code == 0, done.output
    assert isinstance(json.loads(done.stdout), dict)
    assert typed(*words).exit_code == 0


def test_offsets_tell_every_partition_of_every_group(stack: Settings) -> None:
    done = typed("offsets", "--json")
    told = json.loads(done.stdout)
    assert len(told["offsets"]) == 2 * stack.partitions
    assert done.exit_code == (0 if told["ok"] else 1)
    assert "counters" in typed("offsets").stdout


def test_what_must_be_said_is_asked_for(stack: Settings) -> None:
    assert typed("dead", "drop", "--why", "x").exit_code == 1
    assert typed("late", "replay").exit_code == 1
    assert typed("late", "replay", "--reason", "too_old", "--all").exit_code == 1
    assert typed("dead", "show", "999999999").exit_code == 1
    assert typed("dead", "list", "--since", "yesterday").exit_code == 2
    assert typed("dead", "replay", "999999999").exit_code == 1


@pytest.mark.parametrize(
    ("away", "url"), [("JULIU_REDIS_URL", "redis://127.0.0.1:1/0"), ("JULIU_CLICKHOUSE_URL", "http://127.0.0.1:1")]
)
@pytest.mark.parametrize("words", [("offsets",), ("verify", "--json")])
def test_a_server_that_does_not_answer_is_exit_code_3(
    stack: Settings, monkeypatch: pytest.MonkeyPatch, away: str, url: str, words: tuple[str, ...]
) -> None:
    monkeypatch.setenv(away, url)
    done = typed(*words)
    assert done.exit_code == 3, done.output
    assert "Redis" in done.stderr or "ClickHouse" in done.stderr
