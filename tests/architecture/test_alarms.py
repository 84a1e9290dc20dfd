"""Alarms: each expression can be parsed and speaks of metrics that there are, each alarm leads to a page that helps."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from domain import keys
from domain.topics import EVENTS
from infra import metrics
from infra.fold_store import REBUILD
from infra.money.tables import SHARDS
from infra.namespaces import GROUPS
from infra.place import ROOT
from ingest_api.errors import ApiError
from ingest_api.events.route import PATH
from juliu.canary.flight import Failure, Stage
from juliu.commands.schedule import COMMANDS
from recommender.schedule import OUTCOMES, STUCK
from streams import dead
from tests.promql import FOREIGN, faults, labels, ours, promql

TEXT = (ROOT / "infra" / "alerts.yml").read_text(encoding="utf-8")
RULES: list[dict[str, Any]] = [rule for group in yaml.safe_load(TEXT)["groups"] for rule in group["rules"]]
BY_NAME = {rule["alert"]: rule for rule in RULES}
INDEX = (ROOT / "docs" / "runbooks" / "README.md").read_text(encoding="utf-8")


def codes(error: type[ApiError] = ApiError) -> set[str]:
    """The codes that the API answers."""
    return {error.code}.union(*(codes(each) for each in error.__subclasses__()))


MEDIA_OUTCOMES = re.findall(r"\w+", metrics.MEDIA_STEPS._documentation.partition("outcome:")[2])
VALUES = {
    "stage": frozenset(Stage),
    "failure": frozenset(Failure),
    "group": frozenset(GROUPS),
    "store": frozenset({"kafka", "redis", "clickhouse", "mysql", REBUILD}),
    "reason": frozenset({"seen", "too_old", "late"}),
    "task": frozenset(COMMANDS),
    "outcome": frozenset({*OUTCOMES.values(), STUCK, "died", *MEDIA_OUTCOMES}),
    "route": frozenset({PATH, "other"}),
    "code": frozenset(codes()),
    "job": frozenset(f"juliu-{name}" for name in ("api", "relay", "counters", "store", "schedule", "media")),
}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alarm_speaks_of_metrics_that_there_are(rule):
    assert faults(rule["expr"], VALUES) == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_an_alarm_says_how_bad_it_is_and_where_help_is(rule):
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"([A-Z][a-z]+)+", rule["alert"])
    assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"})
    assert re.fullmatch(r"\d+[mh]", rule.get("for", "1m"))
    assert set(rule["annotations"]) == {"summary", "runbook"}
    page = rule["annotations"]["runbook"]
    assert re.fullmatch(r"docs/runbooks/[a-z-]+\.md", page)
    assert (ROOT / page).is_file(), page


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule["alert"]))
def test_its_summary_is_filled_in(rule):
    has = labels(promql.parse(rule["expr"]), {**FOREIGN, **ours()})
    summary = rule["annotations"]["summary"]
    for label in re.findall(r"\$labels\.(\w+)", summary):
        assert label in has, label
    assert len(summary) > 30
    assert "juliu_" not in summary


def test_names_are_given_once_and_the_index_leads_from_each_to_its_page():
    assert len(BY_NAME) == len(RULES)
    for name, rule in BY_NAME.items():
        page = rule["annotations"]["runbook"].rsplit("/", 1)[1]
        assert re.search(rf"^\| `{name}` \|.*\]\({page}\)", INDEX, re.MULTILINE), name
    assert set(re.findall(r"^\| `(\w+)` \|", INDEX, re.MULTILINE)) == set(BY_NAME)


@pytest.mark.parametrize(
    ("expr", "wrong"),
    [
        ("time() - juliu_canary_arived_at_seconds > 150", "no metric juliu_canary_arived_at_seconds"),
        ("juliu_stream_lag_seconds{grp='counters'} > 60", "no label grp"),
        ("juliu_stream_lag_seconds{group='counter'} > 60", "group is never counter"),
        ('rate(juliu_canary_seconds_bucket{stage=~"counted|sorted"}[5m]) > 1', "stage is never sorted"),
        ("sum by (store) (juliu_stream_lag_seconds) > 60", "grouped by store"),
        ("juliu_api_requests > 1", "no metric juliu_api_requests"),  # a counter ends in _total
        ("sum(juliu_stream_lag_seconds > 60", "no expression"),
        ("up == 0 and rate(node_load[5m]) > 1", "no metric node_load"),
    ],
)
def test_a_slip_of_the_pen_is_seen(expr, wrong):
    assert any(wrong in fault for fault in faults(expr, VALUES)), faults(expr, VALUES)


def test_every_alarm_is_caught_when_its_metric_is_misspelt():
    for name, rule in BY_NAME.items():
        metric = re.search(r"(juliu_\w+|node_\w+|process_\w+|\bup\b)", rule["expr"])[1]
        assert faults(rule["expr"].replace(metric, metric + "x", 1), VALUES), name


def test_numbers_that_are_the_products_own_are_the_same_there():
    budget = BY_NAME["DeadLetterBudget"]["expr"]
    assert f"clamp_min({dead.SHARE} * " in budget
    assert budget.endswith(f", {dead.AT_LEAST})")
    assert budget.count(f"[{dead.MINUTES}m]") == 2
    assert f"> {EVENTS.retention_ms // 2000} or" in BY_NAME["RetentionNear"]["expr"]
    assert BY_NAME["RelayShardsFree"]["expr"].endswith(f"< {SHARDS}")
    assert f"< {keys.REC_LIFE_S - 5 * 86_400} and" in BY_NAME["RecommendationsEnd"]["expr"]
