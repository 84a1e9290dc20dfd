"""A month of ClickHouse is brought back by one process at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.settings import Settings
from juliu.rebuild import month
from juliu.rebuild.refused import Refused


def brought_back(folder: Path) -> Any:
    """What month.rebuild says."""
    return month.rebuild(Settings(), 202611, folder, lambda _: None)


def test_a_second_one_is_refused_while_the_first_is_at_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "202611").mkdir()
    said: list[str] = []

    def at_work(_settings: Settings, of: int, folder: Path, _say: Any) -> month.Report:
        with pytest.raises(Refused, match="at work there") as refused:
            brought_back(folder)
        said.append(str(refused.value))
        return month.Report(of, {})

    monkeypatch.setattr(month, "_rebuild", at_work)
    for times in (1, 2):  # and the lock goes with the first
        assert brought_back(tmp_path).month == 202611
        assert len(said) == times


def test_the_lock_goes_with_a_failure_too(tmp_path: Path) -> None:
    (tmp_path / "202611").mkdir()
    for _ in range(2):
        with pytest.raises(Refused, match="no archive of this month"):
            brought_back(tmp_path)


def test_where_there_is_no_archive_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no archive of this month"):
        brought_back(tmp_path)
