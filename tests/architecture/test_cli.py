"""The console command: every line of its list leads somewhere, and a quick command loads nothing slow."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from juliu.cli import COMMANDS, app_for

SLOW = {
    "faust",
    "fastapi",
    "aiokafka",
    "sqlalchemy",
    "clickhouse_connect",
    "redis",
    "pyarrow",
    "scipy",
    "implicit",
    "numpy",
}


def test_help_lists_every_command_without_loading_one():
    printed = CliRunner().invoke(app_for(None), ["--help"]).output
    for command in COMMANDS:
        assert command.name in printed


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_every_command_can_be_loaded(command):
    done = CliRunner().invoke(app_for(command.name), [command.name, "--help"])
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("command", [["status", "--json"], ["logs", "nobody"], ["--help"]])
def test_quick_commands_load_nothing_slow(tmp_path, monkeypatch, command):
    monkeypatch.setenv("JULIU_HOME", str(tmp_path))
    code = (
        "import sys, juliu.cli\n"
        f"sys.argv = ['juliu', *{command!r}]\n"
        "try: juliu.cli.main()\n"
        "except SystemExit: pass\n"
        f"print('loaded', sorted({SLOW!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.endswith("loaded []\n"), done.stdout + done.stderr


def test_status_before_the_first_start_is_empty(tmp_path, monkeypatch):
    monkeypatch.setenv("JULIU_HOME", str(tmp_path))
    done = CliRunner().invoke(app_for("status"), ["status", "--json"])
    assert json.loads(done.stdout) == {"servers": {}, "processes": {}}


def test_a_damaged_file_of_ports_is_told_in_a_line(tmp_path, monkeypatch):
    monkeypatch.setenv("JULIU_HOME", str(tmp_path))
    (tmp_path / "stack.json").write_text("{")
    done = CliRunner().invoke(app_for("status"), ["status"])
    assert done.exit_code == 1
    assert "remove it" in done.output
