"""What operators meet: tokens by command, logs without secrets, metrics with sentences, a log that must be safe."""

from __future__ import annotations

import json
import logging
import re
import time

import prometheus_client
import pytest
from typer.testing import CliRunner

from infra import logs, metrics
from infra.log_safety import UnsafeLog, judge, require_safe_log
from infra.settings import Settings
from ingest_api.auth import Scope, Tokens
from juliu.cli import app_for
from tests.builders import SECRET

SAFE = {"min.insync.replicas": "2", "unclean.leader.election.enable": "false"}


def juliu(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app_for(words[0]), list(words))
    return done.exit_code, done.output


def test_tokens_are_printed_a_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JULIU_JWT_SECRET", SECRET)
    code, output = juliu("token", "--user", "9", "--count", "3", "--scope", "backfill", "--days", "2")
    lines = [line.split() for line in output.splitlines()]
    assert (code, [user for user, _ in lines]) == (0, ["9", "10", "11"])
    tokens = Tokens(SECRET, time.time, backfill_anywhere=True)
    for user, token in lines:
        viewer = tokens.viewer_of({b"authorization": f"Bearer {token}".encode()}, None)
        assert (viewer.user_id, viewer.scope) == (int(user), Scope.BACKFILL)


def test_tokens_are_printed_as_json_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JULIU_JWT_SECRET", SECRET)
    _, output = juliu("token", "--user", "9", "--json")
    assert json.loads(output)["user_id"] == 9


def test_a_token_says_region_and_age_where_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JULIU_JWT_SECRET", SECRET)
    _, output = juliu("token", "--user", "9", "--region", "TW", "--age", "16")
    viewer = Tokens(SECRET, time.time).viewer_of({b"authorization": f"Bearer {output.split()[1]}".encode()}, None)
    assert (viewer.region, viewer.age_years) == ("TW", 16)


@pytest.mark.parametrize(
    ("secret", "words", "said"),
    [
        ("", ("--user", "1"), "JULIU_JWT_SECRET"),
        (SECRET, ("--user", "1", "--scope", "root"), "root"),
        (SECRET, ("--user", "1", "--region", "taiwan"), "a region is like CN"),
    ],
)
def test_a_token_that_cannot_be_made_is_explained(
    monkeypatch: pytest.MonkeyPatch, secret: str, words: tuple[str, ...], said: str
) -> None:
    monkeypatch.setenv("JULIU_JWT_SECRET", secret)
    code, output = juliu("token", *words)
    assert code == 2
    assert said in output


def test_logs_are_json_without_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    kept = root.handlers, root.level
    try:
        logs.setup("api", Settings())
        logs.get("test.operations").info("started", token="very-secret", note="x" * 5_000, partition=3)
        logging.getLogger("librdkafka").warning("broker %s is away", "1")
    finally:
        root.handlers, root.level = kept
    ours, theirs = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (ours["event"], ours["process"], ours["partition"], ours["token"]) == ("started", "api", 3, "***")
    assert len(ours["note"]) <= logs.MAX_FIELD + 1
    assert (theirs["event"], theirs["level"]) == ("broker 1 is away", "warning")


def test_every_metric_is_named_for_us_and_explained() -> None:
    ours = [
        metric for metric in vars(metrics).values() if isinstance(metric, prometheus_client.metrics.MetricWrapperBase)
    ]
    assert len(ours) >= 10
    for metric in ours:
        assert re.fullmatch(r"juliu_[a-z_]+", metric._name)
        assert metric._documentation.endswith(".")
        assert not {"user", "user_id", "drama", "drama_id", "session_id"} & set(metric._labelnames)


@pytest.mark.parametrize(
    ("replicas", "change", "fault"),
    [
        (3, {}, None),
        (2, {}, "2 replicas"),
        (0, {}, "0 replicas"),
        (3, {"min.insync.replicas": "1"}, "min.insync.replicas"),
        (3, {"unclean.leader.election.enable": "true"}, "unclean"),
    ],
)
def test_a_log_that_could_lose_what_it_acknowledged_is_found_out(
    replicas: int, change: dict[str, str], fault: str | None
) -> None:
    faults = judge(replicas, SAFE | change)
    assert len(faults) == (0 if fault is None else 1)
    assert all(str(fault) in found for found in faults)


async def test_only_production_insists_on_it() -> None:
    def ask(_: Settings) -> list[str]:
        return ["1 replicas, at least 3 are needed"]

    await require_safe_log(Settings(env="development"), ask)
    with pytest.raises(UnsafeLog, match="1 replicas"):
        await require_safe_log(Settings(env="production"), ask)
