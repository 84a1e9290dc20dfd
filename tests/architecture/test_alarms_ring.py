"""Alarms ring when they should and are silent otherwise: played to Prometheus's own promtool, where it is installed.

Debian's package `prometheus` has it; PROMTOOL names another.  tests/architecture/test_alarms.py needs neither.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import Gauge

from infra import metrics
from infra.place import ROOT

ALERTS = ROOT / "infra" / "alerts.yml"
PROMTOOL = shutil.which(os.environ.get("PROMTOOL", "promtool"))
MINUTES = 240
BAD_FROM = 60  # minutes of calm before the trouble

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed (Debian: prometheus)")


def at(value: float) -> str:
    """A gauge that stays."""
    return f"{value}x{MINUTES}"


def by(step: float, begin: float = 0) -> str:
    """A counter, or a clock, that grows so much a minute."""
    return f"{begin}{step:+}x{MINUTES}"


def then(before: str, after: str) -> str:
    """The first hour like `before`, the rest like `after`, both without a length."""
    return f"{before}x{BAD_FROM} {after}x{MINUTES - BAD_FROM}"


CLOCK = by(60)
STOPPED_CLOCK = then("0+60", "3600+0")
GONE = then("1", "_")
BUCKETS = ("0.1", "1.0", "5.0", "+Inf")
JOBS = ("api", "relay", "counters", "store", "schedule", "media")


def parts(name: str, values: str, group: str) -> dict[str, str]:
    return {
        f'{name}{{group="{group}",partition="{p}",job="juliu-{group}",instance="{group}"}}': values for p in range(2)
    }


STORES = ("kafka", "redis", "clickhouse", "rebuild")
UNLABELLED = [metric for metric in vars(metrics).values() if isinstance(metric, Gauge) and not metric._labelnames]
ELSEWHERE = {  # every process tells all of them, as they begin; a moment of 0 is long ago, though promtool begins there
    f'{metric._name}{{job="juliu-other"}}': at(-1e9 if metric._name.endswith("_at_seconds") else metric._value.get())
    for metric in UNLABELLED
}

CALM: dict[str, str] = {
    **ELSEWHERE,
    "juliu_canary_arrived_at_seconds": CLOCK,
    "juliu_canary_failing_partitions": at(0),
    'juliu_canary_failures_total{failure="unknown"}': at(0),
    **{f'juliu_canary_seconds_bucket{{stage="stored",le="{le}"}}': by(2) for le in BUCKETS[1:]},
    **{k: v for group in ("counters", "store") for k, v in parts("juliu_stream_lag_seconds", at(0), group).items()},
    **{k: v for group in ("counters", "store") for k, v in parts("juliu_stream_fence", by(100), group).items()},
    **{k: v for group in ("counters", "store") for k, v in parts("juliu_stream_kept_seconds", at(1e9), group).items()},
    'juliu_stream_looked_at_seconds{group="counters"}': CLOCK,
    'juliu_stream_begun_again_total{group="counters"}': at(0),
    'juliu_stream_poison_total{group="counters"}': at(0),
    'juliu_stream_records_total{group="counters"}': by(60_000),
    'juliu_stream_dropped_total{group="counters",reason="late"}': by(60),
    'juliu_merge_seconds_count{kind="nothing"}': by(50),
    'juliu_api_requests_total{route="/v1/events",status="202"}': by(6_000),
    'juliu_api_requests_total{route="/v1/events",status="503"}': at(0),
    'juliu_api_requests_total{route="/v1/feed",status="200"}': by(6_000),
    'juliu_api_requests_total{route="/v1/feed",status="401"}': by(60),
    "juliu_api_events_accepted_total": by(60_000),
    'juliu_api_events_rejected_total{reason="malformed"}': by(60),
    **{f'juliu_api_request_seconds_bucket{{route="/v1/feed",le="{le}"}}': by(100) for le in BUCKETS},
    'juliu_feed_source_failures_total{source="hot"}': at(0),
    **{f'juliu_stream_waiting_partitions{{store="{store}"}}': at(0) for store in STORES},
    'juliu_api_log_failures_total{cause="timeout"}': at(0),
    'juliu_relay_waits_total{store="mysql"}': at(0),
    'juliu_api_refused_total{code="money_unavailable"}': at(0),
    "juliu_relay_lag_seconds": at(0),
    "juliu_relay_shards": at(64),
    "juliu_catalogue_age_seconds": at(0.4),
    "juliu_trained_at_seconds": CLOCK,
    'juliu_recommendations_end_seconds{instance="schedule"}': at(604_800),
    'juliu_recommendations_end_seconds{instance="schedule-new"}': at(0),  # it has not looked yet
    'juliu_trainings_total{outcome="refused"}': at(0),
    **{
        f'juliu_refreshed_at_seconds{{task="{task}",instance="schedule"}}': CLOCK
        for task in ("fold-in", "lists", "cold")
    },
    'juliu_refreshed_at_seconds{task="fold-in",instance="schedule-before"}': at(0),  # it had the duty, and is gone
    "juliu_media_looked_at_seconds": CLOCK,
    "juliu_media_rows_at_seconds": CLOCK,
    "juliu_media_ready_seconds": at(7_200),  # a long queue is no trouble while it moves
    "juliu_media_records_waiting": at(5),
    **{f'juliu_media_steps_total{{step="ladder",outcome="{how}"}}': at(0) for how in ("again", "mend", "lost")},
    'juliu_media_steps_total{step="ladder",outcome="done"}': by(1),
    'juliu_media_extras_total{service="ci"}': at(0),
    "juliu_media_platform_traffic_left_ratio": at(0.6),
    "juliu_media_platform_traffic_days_left": at(40),
    **{f'up{{job="juliu-{job}",instance="{job}"}}': at(1) for job in JOBS},
    **{f'process_start_time_seconds{{job="juliu-{job}",instance="{job}"}}': at(5) for job in JOBS},
    'node_filesystem_avail_bytes{fstype="ext4",mountpoint="/",instance="m"}': at(5e10),
    'node_filesystem_size_bytes{fstype="ext4",mountpoint="/",instance="m"}': at(1e11),
    'node_filesystem_avail_bytes{fstype="tmpfs",mountpoint="/run",instance="m"}': at(0),
    'node_filesystem_size_bytes{fstype="tmpfs",mountpoint="/run",instance="m"}': at(1e9),
    'node_memory_MemAvailable_bytes{instance="m"}': at(5e9),
    'node_memory_MemTotal_bytes{instance="m"}': at(1e10),
}
LAG = 'juliu_stream_lag_seconds{group="%s",partition="1",job="juliu-%s",instance="%s"}'
FENCE = 'juliu_stream_fence{group="%s",partition="1",job="juliu-%s",instance="%s"}'
KEPT = 'juliu_stream_kept_seconds{group="%s",partition="1",job="juliu-%s",instance="%s"}'
COUNTERS, STORE = ("counters",) * 3, ("store",) * 3
DISK = 'node_filesystem_avail_bytes{fstype="ext4",mountpoint="/",instance="m"}'
REFUSED_503 = 'juliu_api_requests_total{route="/v1/events",status="503"}'
FEED_BUCKET = 'juliu_api_request_seconds_bucket{{route="/v1/feed",le="{}"}}'
TROUBLE: dict[str, tuple[dict[str, str], set[str]]] = {  # alarm -> what is otherwise then, and what else rings
    "CanaryLate": ({"juliu_canary_arrived_at_seconds": then("0+60", "_")}, set()),
    "CanaryFails": ({"juliu_canary_failing_partitions": then("0", "1")}, set()),
    "CanaryFailsNowAndThen": ({'juliu_canary_failures_total{failure="unknown"}': then("0", "0+0.2")}, set()),
    "CanarySlow": ({'juliu_canary_seconds_bucket{stage="stored",le="5.0"}': then("0", "0"),
                    'juliu_canary_seconds_bucket{stage="stored",le="1.0"}': then("0", "0"),
                    'juliu_canary_seconds_bucket{stage="stored",le="20.0"}': by(2)}, set()),
    "NumbersBehind": ({LAG % COUNTERS: then("0", "90")}, set()),
    "RowsBehind": ({LAG % STORE: then("0", "400")}, set()),
    "FenceStandsStill": ({LAG % STORE: then("0", "90"), FENCE % STORE: then("0+100", "6000")}, set()),
    "PartitionWithoutWorker": ({FENCE % STORE: then("0+100", "_"), LAG % STORE: then("0", "_")}, set()),
    "BegunAgain": ({'juliu_stream_begun_again_total{group="counters"}': then("0", "0+2")}, set()),
    "MergeStandsStill": ({'juliu_merge_seconds_count{kind="nothing"}': then("0+50", "3000")}, set()),
    "LagUnseen": ({'juliu_stream_looked_at_seconds{group="counters"}': STOPPED_CLOCK}, set()),
    "RetentionNear": ({KEPT % STORE: then("1e9", "3600")}, set()),
    "DeadLetters": ({'juliu_stream_poison_total{group="counters"}': then("0", "0+2")}, set()),
    "DeadLetterBudget": ({'juliu_stream_poison_total{group="counters"}': then("0", "0+400")}, {"DeadLetters"}),
    "LateEvents": ({'juliu_stream_dropped_total{group="counters",reason="late"}': then("0", "0+3000")}, set()),
    "EventsNotTaken": ({REFUSED_503: then("0", "0+600")}, {"ApiErrors"}),
    "ApiErrors": ({REFUSED_503: then("0", "0+200")}, set()),
    "ApiRefuses": ({'juliu_api_requests_total{route="/v1/feed",status="401"}': then("0", "0+6000")}, set()),
    "EventsRejected": ({'juliu_api_events_rejected_total{reason="malformed"}': then("0", "0+6000")}, set()),
    "ApiSlow": ({FEED_BUCKET.format(le): by(90) for le in BUCKETS[:2]}, set()),
    "FeedSourceAway": ({'juliu_feed_source_failures_total{source="hot"}': then("0", "0+120")}, set()),
    "KafkaAway": ({'juliu_api_log_failures_total{cause="timeout"}': then("0", "0+60")}, set()),
    "RedisAway": ({'juliu_stream_waiting_partitions{store="redis"}': then("0", "2")}, set()),
    "RebuildNeeded": ({'juliu_stream_waiting_partitions{store="rebuild"}': then("0", "2")}, set()),
    "ClickHouseAway": ({'juliu_stream_waiting_partitions{store="clickhouse"}': then("0", "2")}, set()),
    "MysqlAway": ({'juliu_relay_waits_total{store="mysql"}': then("0", "0+5")}, set()),
    "RelayBehind": ({"juliu_relay_lag_seconds": then("0", "90")}, set()),
    "RelayShardsFree": ({"juliu_relay_shards": then("64", "32")}, set()),
    "CatalogueOld": ({"juliu_catalogue_age_seconds": then("0.4", "90")}, set()),
    "TrainingOld": ({"juliu_trained_at_seconds": at(-21_600)}, set()),
    "RecommendationsEnd": ({'juliu_recommendations_end_seconds{instance="schedule"}': at(172_800)}, set()),
    "TrainingRefused": ({'juliu_trainings_total{outcome="refused"}': then("0", "0+0.1")}, set()),
    "RefreshOld": ({'juliu_refreshed_at_seconds{task="cold",instance="schedule"}': STOPPED_CLOCK}, set()),
    "ListsOld": ({'juliu_refreshed_at_seconds{task="lists",instance="schedule"}': at(-14_400)}, set()),
    "MediaStandsStill": ({'juliu_media_steps_total{step="ladder",outcome="done"}': then("0+1", "60")}, set()),
    "MediaQueueUnseen": ({"juliu_media_looked_at_seconds": then("0+60", "_")}, set()),
    "MediaStepsFail": ({'juliu_media_steps_total{step="ladder",outcome="mend"}': then("0", "0+1")}, set()),
    "MediaStepsTriedAgain": ({'juliu_media_steps_total{step="ladder",outcome="again"}': then("0", "0+2")}, set()),
    "MediaLeasesLost": ({'juliu_media_steps_total{step="ladder",outcome="lost"}': then("0", "0+0.2")}, set()),
    "MediaBegunTwice": ({'juliu_media_extras_total{service="ci"}': then("0", "0+1")}, set()),
    "MediaRecordsWait": ({"juliu_media_records_waiting": then("5", "5000")}, set()),
    "MediaRowsBehind": ({"juliu_media_rows_at_seconds": STOPPED_CLOCK}, set()),
    "MediaTrafficLow": ({"juliu_media_platform_traffic_left_ratio": then("0.6", "0.15")}, set()),
    "MediaTrafficEnds": ({"juliu_media_platform_traffic_days_left": then("40", "0.5")}, {"MediaTrafficLow"}),
    "ProcessAway": ({'up{job="juliu-store",instance="store"}': then("1", "0")}, set()),
    "ProcessRestarts": ({'process_start_time_seconds{job="juliu-store",instance="store"}': then("5", "0+60")}, set()),
    "ProcessMissing": ({'up{job="juliu-store",instance="store"}': GONE}, set()),
    "DiskNearlyFull": ({DISK: then("5e10", "5e9")}, {"DiskFillsUp"}),
    "DiskFillsUp": ({DISK: by(-150_000_000, 50_000_000_000)}, set()),
    "MemoryNearlyFull": ({'node_memory_MemAvailable_bytes{instance="m"}': then("5e9", "5e8")}, set()),
}  # fmt: skip


def a_case(name: str, trouble: dict[str, str], ringing: set[str]) -> dict[str, Any]:
    """What promtool is to play, and which alarms ring at the end of it."""
    expected = [{"labels": f'{{alertname="{alarm}"}}', "value": 1} for alarm in sorted(ringing)]
    return {
        "name": name,
        "interval": "1m",
        "input_series": [{"series": series, "values": values} for series, values in (CALM | trouble).items()],
        "promql_expr_test": [
            {
                "expr": 'group by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": f"{MINUTES - 30}m",
                "exp_samples": expected,
            }
        ],
    }


def played(folder: Path, *cases: dict[str, Any]) -> str:
    """What promtool says against these cases; empty when all is as expected."""
    file = folder / "alarms.test.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "1m", "tests": list(cases)}))
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, "test", "rules", str(file)], capture_output=True, text=True, timeout=120, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_promtool_takes_the_rules():
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, "check", "rules", str(ALERTS)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_alarm_rings_in_a_calm(tmp_path: Path):
    assert played(tmp_path, a_case("calm", {}, set())) == ""


def test_an_error_in_a_quiet_night_wakes_nobody(tmp_path: Path):
    night = {
        'juliu_api_requests_total{route="/v1/events",status="202"}': by(2),
        'juliu_api_requests_total{route="/v1/feed",status="200"}': by(1),
        'juliu_api_requests_total{route="/v1/feed",status="401"}': by(0.5),
        REFUSED_503: by(0.2),
        "juliu_api_events_accepted_total": by(2),
        'juliu_api_events_rejected_total{reason="malformed"}': by(0.5),
    }
    assert played(tmp_path, a_case("night", night, set())) == ""


@pytest.mark.parametrize("alarm", TROUBLE)
def test_it_rings_and_no_other(alarm: str, tmp_path: Path):
    trouble, others = TROUBLE[alarm]
    assert played(tmp_path, a_case(alarm, trouble, {alarm} | others)) == ""


def test_every_alarm_is_played():
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    assert set(TROUBLE) == {rule["alert"] for rule in rules}
