"""`juliu evaluate` on foreign files, each model in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import numpy as np
import psutil
import pyarrow as pa
import pytest
from pyarrow import parquet

from recommender.evaluation.asked import asked
from recommender.evaluation.columns import read
from recommender.evaluation.run import evaluate
from recommender.evaluation.split import Way, split
from tests.watch_logs import a_file


def a_world(viewers=120, items=40, each=15):
    """Even viewers watch even items, odd ones odd, some items much more than others; ids are words, times seconds."""
    rng = np.random.default_rng(4)
    odds = 1 / np.arange(3, items // 2 + 3)
    rows = [
        (f"u{user}", f"剧{item}", 1_700_000_000 + int(rng.integers(0, 10**6)), bool(rng.random() < 0.8))
        for user in range(viewers)
        for item in 2 * rng.choice(items // 2, each, replace=False, p=odds / odds.sum()) + user % 2
    ]
    return pa.table(dict(zip(("user_id", "item_id", "ts", "positive"), zip(*rows, strict=True), strict=True)))


def typed(*words):
    command = [sys.executable, "-m", "juliu", "evaluate", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_foreign_log_is_measured_and_told_as_table_json_and_page(tmp_path):
    parquet.write_table(a_world(), tmp_path / "log.parquet")
    parquet.write_table(pa.table({"item_id": ["剧1", "x"], "title": ["<重生>", None]}), tmp_path / "titles.parquet")
    words = ["--interactions", tmp_path / "log.parquet", "--valid-share", 0.1, "--models", "random,popularity,als"]
    page_words = ["--report", tmp_path / "r.html", "--titles", tmp_path / "titles.parquet"]
    done = typed(*words, "--k", "5,10", *page_words, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["best_by"], found["best_on"]) == ("ndcg@10", "valid")
    models = found["models"]
    assert list(models) == ["random", "popularity", "als"]
    assert models["als"]["recall@5"] > models["popularity"]["recall@5"] > models["random"]["recall@5"]
    assert found["best"] == "als"
    for one in models.values():
        low, high = one["intervals"]["ndcg@10"]
        assert low < one["ndcg@10"] < high
        assert one["fit_seconds"] >= 0
        assert one["cpu_seconds"] >= 0
        assert 30 < one["peak_mb"] < 600  # an interpreter, numpy and implicit; not this process's
        assert 0.3 < one["uauc"] < 0.8
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "als" in page
    assert "剧2" in page
    assert "&lt;重生&gt;" in page
    again = json.loads(typed(*words, "--k", "5,10", "--json").stdout)
    assert [one["ndcg@10"] for one in again["models"].values()] == [one["ndcg@10"] for one in models.values()]


def test_a_split_made_elsewhere_is_measured_as_it_is(tmp_path):
    train = a_file(tmp_path / "train", user_id=[1, 1, 2, 3], item_id=[10, 11, 10, 12], ts=[1, 2, 3, 4])
    test = a_file(tmp_path / "test", user_id=[2, 3, 9], item_id=[11, 10, 10], ts=[5, 6, 7])
    done = typed("--train", train, "--test", test, "--models", "popularity", "--k", "1", "--json")
    assert done.returncode == 0, done.stderr
    popularity = json.loads(done.stdout)["models"]["popularity"]
    assert popularity["recall@1"] in (
        pytest.approx(1 / 3),
        pytest.approx(2 / 3),
    )  # 3's certain, 2's one of two, 9 misses
    assert popularity["strangers_served"]["recall@1"] == pytest.approx(popularity["recall@1"] + 1 / 3)


def test_a_table_for_people(tmp_path):
    parquet.write_table(a_world(viewers=30), tmp_path / "log.parquet")
    done = typed("--interactions", tmp_path / "log.parquet", "--models", "popularity", "--metrics", "recall@5,uauc")
    assert done.returncode == 0, done.stderr
    for words in ("popularity", "recall", "@5", "±", "uauc", "peak MB", "best by ndcg@20 on the test part: popularity"):
        assert words in done.stdout


def test_numbers_are_told_also_where_the_page_cannot_be_written(tmp_path):
    parquet.write_table(a_world(viewers=30), tmp_path / "log.parquet")
    words = ["--interactions", tmp_path / "log.parquet", "--models", "popularity"]
    done = typed(*words, "--json", "--report", "/dev/full")
    assert json.loads(done.stdout)["best"] == "popularity"
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "juliu evaluate: /dev/full: the page is not written: No space left on device"
    )


def test_a_model_that_dies_is_told_and_the_others_are_measured(tmp_path):
    parquet.write_table(a_world(viewers=30), tmp_path / "log.parquet")
    logs = read({"whole": tmp_path / "log.parquet"})
    parts, said = split(logs.parts["whole"], Way.TIME, 0.2, 0, 1), []
    found = evaluate(logs, parts, ["popularity", "nobody"], asked(), most=0, seed=1, say=said.append)
    assert found.best == "popularity"
    assert found.document()["models"]["nobody"] == {"error": "KeyError: 'nobody'"}
    assert "nobody: KeyError: 'nobody'" in said


def test_who_is_told_to_end_leaves_neither_a_process_nor_a_folder(tmp_path):
    parquet.write_table(a_world(viewers=600, items=400, each=60), tmp_path / "log.parquet")
    place = tmp_path / "tmp"
    place.mkdir()
    words = ["--interactions", str(tmp_path / "log.parquet"), "--models", "fsals"]
    command = [sys.executable, "-m", "juliu", "evaluate", *words]
    running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(place)})
    assert running.stderr is not None
    assert running.stderr.readline() == "fsals ...\n"
    children = psutil.Process(running.pid).children()
    running.terminate()
    assert running.wait(30) == 128 + signal.SIGTERM
    assert list(place.iterdir()) == []
    assert psutil.wait_procs(children, timeout=10)[1] == []
