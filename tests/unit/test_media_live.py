"""What a person sees of jobs: bars that move, a line for each change, and an end."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from domain.media.steps import JobState, Kind, Step
from domain.media.trouble import Failure, StepFailed
from infra.media.job import Submission, UnknownJob
from juliu.media import live
from juliu.media.live import SHOWN, TooManyWatched, follow, news, picture, snapshots
from juliu.media.told import as_json, doing, permille
from tests.memory_jobs import MemoryJobs

NOW_MS = 1_000_000


@pytest.fixture
def jobs() -> MemoryJobs:
    return MemoryJobs(lambda: NOW_MS)


def a_job(jobs: MemoryJobs, episode_no: int = 1) -> int:
    return jobs.submit(Submission(Kind.EPISODE, 7, episode_no, "incoming/7/1/x.mp4", "剧"))


def begin(jobs: MemoryJobs, progress: int = 0):
    leased = jobs.lease("w", 60_000, list(Step))
    assert leased is not None
    jobs.renew(leased, progress)
    return leased


def finish(jobs: MemoryJobs, steps: int = 5) -> None:
    for _ in range(steps):
        jobs.finish(begin(jobs), {}, 100)


def console(width: int = 120, terminal: bool = False) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None, legacy_windows=False)


def said(one: Console) -> str:
    assert isinstance(one.file, io.StringIO)
    return one.file.getvalue()


def test_every_step_is_the_same_part_of_a_bar(jobs):
    job = a_job(jobs)
    assert permille(jobs.job(job)) == 0
    finish(jobs, 2)
    assert permille(jobs.job(job)) == 400
    begin(jobs, 500)
    assert permille(jobs.job(job)) == 500
    assert doing(jobs.job(job)) == "ladder 50 %"


def test_it_says_why_it_waits_and_why_it_ended(jobs):
    job = a_job(jobs)
    assert doing(jobs.job(job)) == "probe waits for a worker"
    jobs.fail(begin(jobs), StepFailed(Failure.AGAIN, "storage_away", "wait for it", after_s=90))
    assert doing(jobs.job(job), now_ms=NOW_MS).startswith("probe (try 2 in ")
    assert "storage_away" in doing(jobs.job(job))
    other = a_job(jobs, 2)
    jobs.fail(begin(jobs), StepFailed(Failure.MEND, "no_audio", "give it a sound track"))
    assert doing(jobs.job(other)) == "probe: no_audio: give it a sound track"
    assert jobs.job(other).job.state is JobState.REJECTED


def test_bars_show_what_moves_and_hide_no_failure(jobs):
    ids = [a_job(jobs, number) for number in range(1, SHOWN + 11)]
    jobs.fail(begin(jobs), StepFailed(Failure.MEND, "no_audio", "x"))
    leased = begin(jobs, 333)
    one = console()
    one.print(picture([jobs.job(job) for job in ids]))
    text = said(one)
    assert f"7/{leased.job.episode_no} " in text
    assert "probe 33 %" in text
    assert "no_audio" in text
    assert f"{len(ids) - 1} active, 1 rejected; 10 more are not shown" in text
    assert text.count("━") > 0
    assert text.count(" 7/") == SHOWN


def test_a_title_or_reason_cannot_paint_the_screen(jobs):
    job = a_job(jobs)
    jobs.fail(begin(jobs), StepFailed(Failure.MEND, "no_audio", "[red]boo[/red]"))
    one = console()
    one.print(picture([jobs.job(job)]))
    assert "[red]boo" in said(one)


def test_elsewhere_a_line_tells_each_change_once(jobs):
    job, told = a_job(jobs), {}
    assert list(news([jobs.job(job)], told)) == ["job 1 (7/1): active: probe waits for a worker"]
    assert list(news([jobs.job(job)], told)) == []
    begin(jobs, 100)
    assert list(news([jobs.job(job)], told)) == ["job 1 (7/1): active: probe"]
    begun = jobs.job(job).steps[0]._replace(progress_permille=700)
    assert list(news([jobs.job(job)._replace(steps=[begun])], told)) == [], "progress alone is no line"


def test_following_ends_when_all_have_ended_and_tells_how(jobs, monkeypatch):
    ids = [a_job(jobs, 1), a_job(jobs, 2)]
    monkeypatch.setattr(live, "EVERY_S", 0.0)

    def pause(_: float) -> None:
        jobs.finish(begin(jobs), {}, 100)

    seen = list(snapshots(jobs, ids, 60, pause=pause))
    assert [view.job.state for view in seen[-1]] == [JobState.DONE] * 2
    assert len(seen) == 11, "a look before each of ten steps, and one when all is done"
    one = console(terminal=True)
    assert [view.job.job_id for view in follow(jobs, ids, one, 60)] == ids
    assert "2 done" in said(one)
    lines = console()
    follow(jobs, ids, lines, 60)
    assert said(lines).splitlines() == ["job 1 (7/1): done: done", "job 2 (7/2): done: done"]


def test_what_goes_on_after_its_time_is_named(jobs):
    ids = [a_job(jobs, 1), a_job(jobs, 2)]
    jobs.cancel(ids[0])
    clock = iter(range(100))
    with pytest.raises(TimeoutError, match=r"not ended: 2$"):
        list(snapshots(jobs, ids, 5, clock=lambda: next(clock), pause=lambda _: None))


def test_a_server_that_is_away_is_waited_for(jobs):
    job = a_job(jobs)
    jobs.away = True

    def pause(_: float) -> None:
        jobs.away = False
        jobs.cancel(job)

    seen = list(snapshots(jobs, [job], 60, pause=pause))
    assert [view.job.state for view in seen[-1]] == [JobState.CANCELLED]
    jobs.away = True
    clock = iter(range(100))
    with pytest.raises(TimeoutError, match="1 "):
        list(snapshots(jobs, [job], 5, clock=lambda: next(clock), pause=lambda _: None))


def test_too_many_and_unknown_ones_are_refused(jobs):
    with pytest.raises(TooManyWatched):
        list(snapshots(jobs, range(10_000), 5))
    with pytest.raises(UnknownJob):
        list(snapshots(jobs, [77], 5))
    assert list(snapshots(jobs, [], 5)) == [[]]


class Counted(MemoryJobs):
    """Counts the pages and the single jobs that it is asked for."""

    pages = singles = 0

    def jobs(self, which, after_id, limit):
        self.pages, singles = self.pages + 1, self.singles
        found = super().jobs(which, after_id, limit)
        self.singles = singles
        return found

    def job(self, job_id):
        self.singles += 1
        return super().job(job_id)


def test_many_jobs_are_asked_for_by_the_page_and_none_is_overlooked():
    jobs = Counted(lambda: NOW_MS)
    ids = [job for job in (a_job(jobs, number) for number in range(1, 451)) if job % 3 or job == 450]
    for job in ids[:-1]:
        jobs.cancel(job)
    (seen, *_) = snapshots(jobs, ids, 60, pause=lambda _: jobs.cancel(450))
    assert [view.job.job_id for view in seen] == ids
    assert (jobs.pages, jobs.singles) == (3, 1), "200 at once; the one that is left is asked for by itself"


def test_json_has_all_of_a_job(jobs):
    job = a_job(jobs)
    jobs.finish(begin(jobs), {"codec": "h264"}, 100)
    told = as_json(jobs.job(job))
    assert (told["job_id"], told["state"], told["permille"]) == (job, "active", 200)
    assert told["steps"][0]["facts"] == {"codec": "h264"}
    assert [step["step"] for step in told["steps"]] == ["probe", "check", "ladder", "store", "cdn"]
