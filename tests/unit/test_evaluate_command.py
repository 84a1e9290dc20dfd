"""`juliu evaluate` refuses in one line, with exit code 2, before it fits anything."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from juliu.cli import app_for
from tests.watch_logs import a_file


def evaluate(*words):
    done = CliRunner().invoke(app_for("evaluate"), ["evaluate", *map(str, words)])
    assert isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], "give either --interactions, or --train and --test"),
        (["--train", "A"], "give either"),
        (["--interactions", "A", "--test", "A"], "give either"),
        (["--interactions", "nowhere"], "nowhere: no parquet file"),
        (["--interactions", "A", "--models", "popularity,best"], "no model best; there are random, popularity"),
        (["--interactions", "A", "--metrics", "mae"], "no metric 'mae'"),
        (["--interactions", "A", "--k", "0"], "k is a whole number"),
        (["--interactions", "A", "--test-share", "1.5"], "leave nothing to learn from"),
        (["--interactions", "A", "--valid-share", "0.9"], "leave nothing to learn from"),
        (["--interactions", "A", "--report", "no/such/r.html"], "no/such/r.html: no place for a file"),
        (["--interactions", "A", "--report", "."], ".: no place for a file"),
        (["--interactions", "A", "--titles", "A"], "A: "),
        (["--interactions", "A", "--titles", "nowhere"], "nowhere: no parquet file with item_id and title"),
        (["--train", "A", "--test", "A"], "test: nobody has a positive there that was not watched in training"),
        (["--train", "A", "--test", "D", "--best-by", "uauc"], "test: nothing to measure uauc on"),
        (["--train", "A", "--valid", "D", "--test", "D", "--best-by", "uauc"], "valid: nothing to measure uauc on"),
        (["--train", "A", "--test", "B"], "no column ts"),
        (["--train", "A", "--test", "A", "--valid", "C"], "C: no rows"),
    ],
)
def test_what_does_not_fit_is_told(tmp_path, monkeypatch, words, why):
    monkeypatch.chdir(tmp_path)
    a_file(tmp_path / "A")
    a_file(tmp_path / "B", ts=None)
    a_file(tmp_path / "C", user_id=[], item_id=[], ts=[])
    a_file(tmp_path / "D", item_id=[11, 12, 11])
    done = evaluate(*words)
    assert done.exit_code == 2
    assert why in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [["--split", "sideways"], ["--users", "-1"], ["--seed", "-1"]])
def test_an_option_that_is_none_has_the_same_exit_code(words):
    assert evaluate("--interactions", "A", *words).exit_code == 2
