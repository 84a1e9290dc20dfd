"""FAIL_AT: what it may say, and that a process dies at that arrival and at no other."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from infra.failpoints import NAMES, Failure, armed, parse
from infra.settings import Settings

ARRIVES = """
from infra.failpoints import reached
for n in range(1, 5):
    reached("store.before_insert")
    reached("store.after_insert")
    print(n, flush=True)
"""


def arrivals(fail_at: str) -> tuple[int, list[str]]:
    """The exit code of a process that arrives four times at two places, and how far it came."""
    environment = os.environ | {"FAIL_AT": fail_at}
    ended = subprocess.run(
        [sys.executable, "-c", ARRIVES], capture_output=True, text=True, env=environment, check=False
    )
    return ended.returncode, ended.stdout.split()


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("", ("", 0, signal.SIGKILL)),
        ("store.after_insert", ("store.after_insert", 1, signal.SIGKILL)),
        ("store.after_insert:3", ("store.after_insert", 3, signal.SIGKILL)),
        ("store.after_insert:3:stop", ("store.after_insert", 3, signal.SIGSTOP)),
    ],
)
def test_a_place_and_its_arrival(text, means):
    assert parse(text) == means


@pytest.mark.parametrize(
    "text",
    [
        "store",
        "store.after_insert:0",
        "store.after_insert:-1",
        "store.after_insert:x",
        ":1",
        "store.after_insert:1:x",
        "store.after_insert:1:stop:1",
    ],
)
def test_what_is_no_place_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        parse(text)


def test_nothing_dies_on_demand_in_production():
    left_there = {"FAIL_AT": "store.after_insert"}
    assert armed(left_there).name == "store.after_insert"
    assert armed(left_there | {"JULIU_ENV": "production"}) == Failure()
    assert armed({"FAIL_AT": "anything", "JULIU_ENV": "production"}) == Failure()
    assert armed({}) == Failure()


def test_every_name_is_of_the_form_process_and_instant():
    assert all(name.count(".") == 1 and ":" not in name for name in NAMES)


def test_the_process_dies_by_kill_9_at_that_arrival():
    assert arrivals("store.after_insert:3") == (-signal.SIGKILL, ["1", "2"])


def test_it_dies_nowhere_else():
    assert arrivals("store.after_close") == (0, ["1", "2", "3", "4"])
    assert arrivals("store.after_insert:5") == (0, ["1", "2", "3", "4"])


def test_the_settings_say_what_is_production(monkeypatch):
    for name in ("JULIU_JWT_SECRET", "JULIU_TICKET_SECRET"):
        monkeypatch.setenv(name, "0123456789abcdef" * 4 if "JWT" in name else "fedcba9876543210" * 4)
    monkeypatch.setenv("JULIU_ENV", "production")
    assert Settings().env == "production"
    assert armed(os.environ | {"FAIL_AT": "store.after_insert"}) == Failure()


def test_a_name_that_is_not_ends_the_process_before_it_begins():
    code, came = arrivals("store.after_inset")
    assert (code, came) == (1, [])
