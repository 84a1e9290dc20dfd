"""`juliu media` as it is typed: an installation with one drama, and a folder to hand in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from domain.media import orders
from domain.media.orders import Ordered
from domain.media.steps import Step
from infra.catalogue.importing import import_file
from infra.media.job import JobFilter, Leased
from infra.media.queue import JobQueue
from infra.mysql.engine import engine_of
from infra.mysql.migrate import migrate
from infra.settings import Settings
from juliu.cli import app_for
from tests.catalogue import a_file, a_line, an_episode

DRAMA, TITLE, EPISODES = 4_107, "重生之总裁 4107", 6  # nobody else's on juliu.media, which all tests share


class Rig:
    """An installation with one drama of EPISODES episodes without videos, and a folder to hand in."""

    def __init__(self, settings: Settings, path: Path) -> None:
        self.settings, self.engine = settings, engine_of(settings, pool=2)
        self.jobs, self.folder, self.store = JobQueue(self.engine), path / "in", path / "store"
        self.folder.mkdir()
        lines = [an_episode(number, DRAMA, media_path="") for number in range(1, EPISODES + 1)]
        catalogue = a_file(path / "catalogue.jsonl", a_line(DRAMA, episodes=lines))
        assert import_file(self.engine, catalogue).created == 1

    def put(self, *numbers: int, suffix: str = "mp4") -> None:
        for number in numbers:
            (self.folder / f"{TITLE} - 第{number}集.{suffix}").write_bytes(b"episode %d" % number)

    def submit(self, *numbers: int) -> list[int]:
        self.put(*numbers)
        return [job["job_id"] for job in told("submit", str(self.folder))["jobs"]]

    def lease(self) -> Leased:
        leased = self.jobs.lease("test", 60_000, list(Step))
        assert leased is not None
        return leased

    def work(self, facts: dict[str, Any] | None = None) -> None:
        """Do all there is to do."""
        while (leased := self.jobs.lease("test", 60_000, list(Step))) is not None:
            self.jobs.finish(leased, (facts or {}) if leased.step is Step.STORE else {}, 2_000)

    def ordered(self) -> list[Ordered]:
        """The orders that wait for the log."""
        values = [record.value for record in self.jobs.records(1_000)]
        return [orders.decode(value) for value in values if orders.is_order(value)]

    def all(self) -> int:
        return len(self.jobs.jobs(JobFilter(), 0, 200))


@contextmanager
def installed(fresh: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """It is what commands find in their environment."""
    migrate(fresh)
    monkeypatch.setenv("JULIU_MYSQL_URL", fresh.mysql_url.get_secret_value())
    monkeypatch.setenv("JULIU_REDIS_URL", fresh.redis_url)
    monkeypatch.setenv("JULIU_CLICKHOUSE_DATABASE", fresh.clickhouse_database)
    monkeypatch.setenv("JULIU_MEDIA_ROOT", str(tmp_path / "store"))
    one = Rig(fresh, tmp_path)
    yield one
    one.engine.dispose()


def typed(*words: str) -> Any:
    """`juliu media ...`."""
    return CliRunner().invoke(app_for("media"), ["media", *words])


def told(*words: str, code: int = 0) -> Any:
    """Its JSON."""
    done = typed(*words, "--json")
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)
