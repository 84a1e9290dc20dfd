"""Handing in: nothing while anything is wrong, each file once, and the same command again does only the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.media.episode_files import Known, Trouble
from domain.media.steps import JobState, Kind, Step
from infra.fold_store import Wait
from infra.media.job import JobFilter, Submission
from juliu.media.sources import read
from juliu.media.submitting import Plan, Submitted, plan, submit
from media_jobs.engine import Stored
from tests.memory_jobs import MemoryJobs

DRAMA = Known(7, "剧", 5)


class Shelf:
    """juliu.media.submitting.Catalogue of these dramas."""

    def __init__(self, *dramas: Known) -> None:
        self._dramas = dramas

    def of_id(self, drama_id: int) -> Known:
        return self._one([drama for drama in self._dramas if drama.drama_id == drama_id])

    def of_title(self, title: str) -> Known:
        return self._one([drama for drama in self._dramas if drama.title == title])

    def _one(self, found: list[Known]) -> Known:
        if len(found) != 1:
            raise LookupError(f"{len(found)} dramas")
        return found[0]


class Store:
    """Of media_jobs.engine.Storage what handing in needs; `full_after` puts it breaks."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.full_after = 1_000

    def put(self, key, path, content_type, watch):
        if len(self.files) >= self.full_after:
            raise Wait("storage", "full")
        watch.progress(1000)
        self.files[key] = path.read_bytes()
        return Stored(key, len(self.files[key]), 0)


@pytest.fixture
def jobs() -> MemoryJobs:
    return MemoryJobs(lambda: 1_000)


def folder(path: Path, *numbers: int, title: str = "剧") -> Path:
    path.mkdir(exist_ok=True)
    for number in numbers:
        (path / f"{title} - 第{number}集.mp4").write_bytes(b"episode %d" % number)
    return path


def planned(path: Path, jobs: MemoryJobs, *dramas: Known, partial: bool = False, wechat: bool = False) -> Plan:
    return plan(read(path), Shelf(*(dramas or (DRAMA,))), jobs, partial=partial, wechat=wechat)


def submitted(
    todo: Plan, jobs: MemoryJobs, store: Store, *, again: bool = False, wechat: bool = False
) -> list[Submitted]:
    told: list[int] = []
    done = list(
        submit(todo, store, jobs, wechat=wechat, again=again, told=lambda _, __, permille: told.append(permille))  # type: ignore[arg-type]
    )
    assert all(0 <= permille <= 1000 for permille in told)
    return done


def finish(jobs: MemoryJobs) -> None:
    """A worker does all there is to do."""
    while (leased := jobs.lease("w", 10_000, list(Step))) is not None:
        jobs.finish(leased, {}, 1)


def test_each_file_becomes_a_job_that_reads_its_own_copy(tmp_path, jobs):
    store = Store()
    done = submitted(planned(folder(tmp_path, 2, 1, 3), jobs), jobs, store)
    assert [(one.episode_no, one.outcome) for one in done] == [(n, "submitted") for n in (1, 2, 3)]
    for one in done:
        job = jobs.job(one.job_id).job
        assert (job.kind, job.drama_id, job.episode_no, job.title) == (Kind.EPISODE, 7, one.episode_no, "剧")
        assert store.files[job.source] == b"episode %d" % one.episode_no
        assert len(job.content_hash) == 64
        assert job.source.endswith(".mp4")


def test_while_anything_is_wrong_nothing_is_begun(tmp_path, jobs):
    todo = planned(folder(tmp_path, 1, 3), jobs)
    assert [problem.trouble for problem in todo.problems] == [Trouble.GAP]
    with pytest.raises(ValueError, match="problems"):
        submitted(todo, jobs, Store())
    assert jobs.jobs(JobFilter(), 0, 200) == []


def test_the_same_again_does_only_the_rest(tmp_path, jobs):
    store = Store()
    store.full_after = 2
    path = folder(tmp_path, 1, 2, 3)
    with pytest.raises(Wait):
        submitted(planned(path, jobs), jobs, store)
    store.full_after = 1_000
    done = submitted(planned(path, jobs), jobs, store)
    assert [one.outcome for one in done] == ["active", "active", "submitted"]
    finish(jobs)
    assert [one.outcome for one in submitted(planned(path, jobs), jobs, store)] == ["done"] * 3
    assert len(jobs.jobs(JobFilter(), 0, 200)) == 3
    assert [one.outcome for one in submitted(planned(path, jobs), jobs, store, again=True)] == ["submitted"] * 3


def test_a_file_that_changed_is_another_job_and_does_not_touch_what_runs(tmp_path, jobs):
    store, path = Store(), folder(tmp_path, 1)
    submitted(planned(path, jobs), jobs, store)
    (path / "剧 - 第1集.mp4").write_bytes(b"better")
    assert [one.outcome for one in submitted(planned(path, jobs), jobs, store)] == ["active"]
    assert list(store.files.values()) == [b"episode 1"]
    finish(jobs)
    (one,) = submitted(planned(path, jobs), jobs, store)
    assert one.outcome == "submitted"
    assert store.files[one.source] == b"better"
    assert len(store.files) == 2


def test_what_was_done_for_us_is_not_done_for_wechat(tmp_path, jobs):
    store, path = Store(), folder(tmp_path, 1)
    submitted(planned(path, jobs), jobs, store)
    finish(jobs)
    (one,) = submitted(planned(path, jobs), jobs, store, wechat=True)
    assert one.outcome == "submitted"
    assert jobs.job(one.job_id).job.wechat


def test_an_active_job_fills_a_gap(tmp_path, jobs):
    jobs.submit(Submission(Kind.EPISODE, 7, 1, "incoming/7/1/x.mp4", "剧"))
    assert planned(folder(tmp_path, 2, 3), jobs).problems == []


def test_a_folder_may_hold_several_dramas_each_by_its_title(tmp_path, jobs):
    folder(tmp_path, 1, 2)
    path = folder(tmp_path, 1, title="另一部")
    done = submitted(planned(path, jobs, DRAMA, Known(8, "另一部", 1)), jobs, Store())
    assert [(one.drama_id, one.episode_no) for one in done] == [(7, 1), (7, 2), (8, 1)]


def test_a_drama_that_the_catalogue_does_not_have_is_one_problem(tmp_path, jobs):
    todo = planned(folder(tmp_path, 1, 2, 3, title="没有"), jobs)
    assert [problem.trouble for problem in todo.problems] == [Trouble.NOT_IN_CATALOGUE]
    assert todo.items == []


def test_a_title_that_wechat_would_refuse_is_told_where_it_is_to_go_there(tmp_path, jobs):
    odd = Known(7, "剧！", 5)
    path = tmp_path / "manifest.jsonl"
    folder(tmp_path, 1)
    path.write_text('{"file": "剧 - 第1集.mp4", "episode_no": 1, "drama_id": 7}', encoding="utf-8")
    assert planned(path, jobs, odd).problems == []
    assert [problem.trouble for problem in planned(path, jobs, odd, wechat=True).problems] == [Trouble.BAD_TITLE]


def test_nothing_to_hand_in_is_a_problem(tmp_path, jobs):
    (tmp_path / "cover.jpg").write_bytes(b"x")
    assert [problem.trouble for problem in planned(tmp_path, jobs).problems] == [Trouble.NOTHING]


def test_somebody_who_hands_in_the_same_meanwhile_is_told(tmp_path, jobs):
    class Slow(Store):
        def put(self, key, path, content_type, watch):
            jobs.submit(Submission(Kind.EPISODE, 7, 1, "incoming/7/1/x.mp4", "剧"))
            return super().put(key, path, content_type, watch)

    (one,) = submitted(planned(folder(tmp_path, 1), jobs), jobs, Slow())
    assert (one.outcome, jobs.job(one.job_id).job.state) == ("active", JobState.ACTIVE)
