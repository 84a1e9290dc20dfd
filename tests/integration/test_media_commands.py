"""`juliu media` as it is typed, on a real MySQL, storage, Kafka and ClickHouse; the worker is played by the test."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from domain.media.trouble import Failure, StepFailed
from domain.topics import MEDIA
from infra.clickhouse import migrate as clickhouse
from infra.settings import Settings
from tests.media_typed import DRAMA, TITLE, Rig, installed, told, typed

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]


@pytest.fixture
def rig(fresh: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    with installed(fresh, tmp_path, monkeypatch) as one:
        yield one


def test_a_folder_with_gaps_and_doubles_is_refused_before_anything_starts(rig):
    rig.put(1, 2, 5)
    rig.put(2, suffix="mov")
    (rig.folder / "第三集.mp4").write_bytes(b"x")
    (rig.folder / f"{TITLE} - 第9集.mp4").write_bytes(b"x")
    (rig.folder / f"{TITLE} - 第4集.mp4").write_bytes(b"")
    found = told("submit", str(rig.folder), code=1)
    wrong = {(problem["trouble"], problem["episode_no"]) for problem in found["problems"]}
    assert wrong == {("double", 2), ("gap", 3), ("empty", 4), ("not_in_catalogue", 9), ("bad_name", 0)}
    assert (found["ok"], found["jobs"]) == (False, [])
    said = typed("submit", str(rig.folder))
    assert "Nothing is begun: 5 things are wrong" in said.stderr
    assert "第2集.mov" in said.stderr
    assert rig.all() == 0
    assert not rig.store.exists()


def test_a_folder_becomes_jobs_and_the_same_again_does_nothing_twice(rig):
    rig.put(1, 2, 3)
    assert told("submit", str(rig.folder), "--dry-run")["jobs"] == []
    assert rig.all() == 0
    first = told("submit", str(rig.folder), "--drama", str(DRAMA))
    assert [(job["episode_no"], job["new"], job["outcome"]) for job in first["jobs"]] == [
        (number, True, "submitted") for number in (1, 2, 3)
    ]
    for job in first["jobs"]:
        assert (rig.store / job["source"]).read_bytes() == b"episode %d" % job["episode_no"]
    again = told("submit", str(rig.folder))
    assert [(job["job_id"], job["new"]) for job in again["jobs"]] == [(job["job_id"], False) for job in first["jobs"]]
    rig.put(6)
    assert told("submit", str(rig.folder), code=1)["problems"][0]["trouble"] == "gap"
    assert [job["outcome"] for job in told("submit", str(rig.folder), "--partial")["jobs"]] == [
        "active", "active", "active", "submitted",
    ]  # fmt: skip
    rig.work()
    done = typed("submit", str(rig.folder), "--partial")
    assert "0 handed in, 0 were active already, 4 were done already from the same file." in done.output


def test_a_manifest_says_it_too(rig):
    (rig.folder / "a.mp4").write_bytes(b"x")
    manifest = rig.folder / "manifest.jsonl"
    manifest.write_text(f'{{"file": "a.mp4", "episode_no": 1, "drama_id": {DRAMA}}}', encoding="utf-8")
    assert "JULIU_WECHAT_APPID" in typed("submit", str(manifest), "--wechat", "--dry-run").stderr
    assert "JULIU_WECHAT_APPID" not in typed("submit", str(manifest), "--dry-run").stderr
    (job,) = told("submit", str(manifest), "--wechat")["jobs"]
    assert told("show", str(job["job_id"]))["wechat"] is True
    manifest.write_text("{", encoding="utf-8")
    refused = typed("submit", str(manifest))
    assert (refused.exit_code, "line 1" in refused.stderr) == (2, True)
    assert typed("submit", str(rig.folder / "nowhere")).exit_code == 2


def test_jobs_are_listed_shown_cancelled_and_done_again(rig):
    ids = rig.submit(1, 2, 3)
    rig.jobs.finish(rig.lease(), {"codec": "h264"}, 1_500)
    rig.jobs.fail(rig.lease(), StepFailed(Failure.MEND, "no_audio", "give it a sound track"))
    listed = told("list")
    assert [(job["job_id"], job["state"]) for job in listed["jobs"]] == [
        (ids[0], "rejected"), (ids[1], "active"), (ids[2], "active"),
    ]  # fmt: skip
    assert listed["after"] is None
    assert [job["job_id"] for job in told("list", "--state", "rejected")["jobs"]] == [ids[0]]
    assert told("list", "--limit", "1")["after"] == ids[0]
    assert told("list", "--after", str(ids[1]))["jobs"][0]["job_id"] == ids[2]
    assert told("list", "--drama", "4108")["jobs"] == []
    assert typed("list", "--state", "strange").exit_code == 2
    shown = told("show", str(ids[0]))
    assert {step["step"]: step["state"] for step in shown["steps"]}["check"] == "failed"
    assert shown["steps"][0]["facts"] == {"codec": "h264"}
    assert "give it a sound track" in typed("show", str(ids[0])).output
    assert "no_audio" in typed("list").output

    assert told("cancel", str(ids[1]), "999", code=1)["refused"] == [{"job_id": 999, "why": "there is no such job"}]
    assert told("cancel", "--drama", str(DRAMA))["done"] == [ids[2]]
    assert told("retry", "--reason", "no_audio")["done"] == [ids[0]]
    assert told("retry", "--reason", "no_audio") == {"done": [], "refused": []}
    assert told("retry", str(ids[1]))["done"] == [ids[1]]
    assert [job["state"] for job in told("list")["jobs"]] == ["active", "active", "cancelled"]
    assert [(one.what, one.job_id) for one in rig.ordered()] == [
        *(("submit", job_id) for job_id in ids), ("cancel", ids[1]), ("cancel", ids[2]), ("retry", ids[0]),
        ("retry", ids[1]),
    ], "what was refused is no order"  # fmt: skip
    assert {(one.surface, one.who, one.drama_id) for one in rig.ordered()} == {("cli", "cli", DRAMA)}
    assert typed("retry").exit_code == typed("cancel").exit_code == 1
    assert typed("show", "999").exit_code == 1


def test_watching_ends_with_the_jobs_and_says_how(rig):
    ids = rig.submit(1, 2)
    watching = subprocess.Popen(
        [sys.executable, "-m", "juliu", "media", "watch", "--json"], stdout=subprocess.PIPE, text=True
    )
    with watching:
        assert watching.stdout is not None
        active = [json.loads(watching.stdout.readline()) for _ in ids]  # they are seen before anybody works on them
        rig.work()
        lines = [json.loads(line) for line in watching.stdout]
    assert watching.returncode == 0
    assert {(line["job_id"], line["state"]) for line in active} == {(job_id, "active") for job_id in ids}
    assert {line["job_id"] for line in lines if line["state"] == "done"} == set(ids)
    assert [line["permille"] for line in lines if line["job_id"] == ids[0]][-1] == 1000
    assert "No job is active." in typed("watch").output
    (late,) = [job for job in rig.submit(1, 2, 3) if job not in ids]
    going = typed("watch", str(late), "--for", "0")
    assert (going.exit_code, str(late) in going.stderr) == (4, True)
    rig.jobs.cancel(late)
    ended = typed("watch", str(late))
    assert (ended.exit_code, f"job {late} ({DRAMA}/3): cancelled" in ended.output) == (1, True)


def test_what_a_step_used_becomes_yuan(rig, tmp_path, monkeypatch):
    clickhouse.migrate(rig.settings)
    prices = tmp_path / "prices.toml"
    prices.write_text('cdn_gb = 0.5\n[ci_minute]\n"720p" = 0.04\n', encoding="utf-8")
    monkeypatch.setenv("JULIU_MEDIA_PRICES", str(prices))
    rig.submit(1, 2)
    usage = {"ci_ms": {"720p": 60_000}, "stored_bytes": 2**30, "cdn_play_bytes": 20_000_000, "platform_play_bytes": 9}
    rig.work({"content_ms": 60_000, "usage": usage})
    _send(rig)
    found = told("rows")
    assert found["rows"] >= 10
    assert found["unreadable"] == 0
    by_episode = told("costs", "--drama", str(DRAMA))
    assert [line["name"] for line in by_episode["lines"]] == ["1", "2"]
    total = by_episode["total"]
    assert (total["content_minutes"], total["cpu_s"], total["cpu_s_a_minute"]) == (2.0, 20.0, 10.0)
    assert (total["stored_gb"], total["ci_minutes"]) == (2.0, 2.0)
    assert total["processing_yuan"] == pytest.approx(0.08)
    assert total["storage_yuan_month"] == pytest.approx(2 * 0.118)
    assert total["cdn_yuan_1000_plays"] == pytest.approx(2 * 1000 * 0.02 * 0.5)
    assert by_episode["unpriced"] == ["platform_gb"]
    drama = next(line for line in told("costs")["lines"] if line["name"] == str(DRAMA))
    assert drama == {**total, "name": str(DRAMA), "title": TITLE}
    steps = told("costs", "--drama", str(DRAMA), "--steps")
    assert {line["name"]: line["processing_yuan"] for line in steps["lines"]} == {
        "probe": 0, "check": 0, "ladder": 0, "store": pytest.approx(0.08), "cdn": 0,
    }  # fmt: skip
    assert steps["total"]["content_minutes"] == 2.0
    assert "without a price: platform_gb" in typed("costs", "--drama", str(DRAMA)).output
    assert typed("costs", "--since", "yesterday").exit_code == 2
    monkeypatch.setenv("JULIU_MEDIA_PRICES", str(tmp_path / "nowhere"))
    assert typed("rows").exit_code == 1


def _send(rig: Rig) -> None:
    """As the worker's publisher does."""
    producer = Producer({"bootstrap.servers": rig.settings.kafka, "acks": "all"})
    for record in rig.jobs.records(1_000):
        producer.produce(MEDIA.name, record.value, str(DRAMA).encode(), 0)
    assert producer.flush(30) == 0


@pytest.mark.parametrize("words", [("list",), ("show", "1"), ("watch", "1"), ("cancel", "1"), ("retry", "1")])
def test_a_mysql_that_is_away_is_exit_code_3(stack, monkeypatch, words):
    monkeypatch.setenv("JULIU_MYSQL_URL", "mysql+pymysql://root@127.0.0.1:1/juliu")
    wait = ("--for", "0.1") if words[0] == "watch" else ()
    done = typed(*words, *wait, "--json")
    assert done.exit_code == (4 if words[0] == "watch" else 3), done.output
