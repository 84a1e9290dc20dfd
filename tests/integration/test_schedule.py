"""The schedule: each task on its period, one run at a time, sooner after a failure, stopped when asked or stuck."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from prometheus_client import REGISTRY
from redis.exceptions import RedisError

from infra.settings import Settings
from juliu.commands import schedule as schedule_process
from juliu.commands.schedule import COMMANDS, child, tasks
from recommender.duty import StoredDuty
from recommender.schedule import RETRY_S, STUCK, Child, Schedule, State, Task
from tests.memory_recommendations import MemoryRecommendationStore

WITHIN_S = 20.0
SLEEPS = "import time; time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


class Runs:
    """Each run ends as `codes` say, one after the other; the last one asks to stop.  Notes how many ran at once."""

    def __init__(self, *codes: int | Exception | None) -> None:
        self.codes = list(codes)
        self.stop = asyncio.Event()
        self.running = self.most = 0

    async def run(self, longest_s: float) -> int | None:
        self.running += 1
        self.most = max(self.most, self.running)
        await asyncio.sleep(0)
        self.running -= 1
        code = self.codes.pop(0)
        if not self.codes:
            self.stop.set()
        if isinstance(code, Exception):
            raise code
        return code


class Always:
    """It is always on us; or, as `answers` say, not."""

    def __init__(self, *answers: bool | RedisError) -> None:
        self.answers = list(answers)
        self.given_back = False

    async def ours(self, task: str) -> bool:
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, RedisError):
            raise answer
        return answer

    async def keep(self) -> None:
        """Nothing to do."""

    async def give_back(self) -> None:
        self.given_back = True


def a_task(name: str = "train", interval_s: int = 3_600, longest_s: float = WITHIN_S) -> Task:
    return Task(name, interval_s, longest_s, 0.0)


async def played(runs: Runs, *some: Task, duty: Always | None = None) -> Schedule:
    schedule = Schedule(some or (a_task(),), lambda _: runs, duty or Always())
    async with asyncio.timeout(WITHIN_S):
        await schedule.run(runs.stop)
    return schedule


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recommender.schedule.RETRY_S", 0.01)


async def test_a_failed_run_is_done_again_soon_one_at_a_time_and_a_good_one_waits_for_its_period():
    runs = Runs(4, 3, None, 1, 5)
    schedule = await played(runs)
    assert (runs.most, runs.codes) == (1, [])
    assert schedule.states["train"].runs in (4, 5)  # the last one asked to stop before it ended
    waiting = Runs(0, 0)
    schedule = Schedule((a_task(),), lambda _: waiting, Always())
    running = asyncio.create_task(schedule.run(waiting.stop))
    async with asyncio.timeout(WITHIN_S):
        while not schedule.states or schedule.states["train"].runs == 0:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert schedule.states["train"].last == "done"
    assert len(waiting.codes) == 1
    waiting.stop.set()
    await running


async def test_every_task_has_its_own_period_and_one_without_is_never_run():
    runs = Runs(0, 0)
    schedule = await played(runs, a_task("train"), a_task("lists"), a_task("cold", interval_s=0))
    assert sorted(schedule.states) == ["lists", "train"]


async def test_a_clock_that_was_put_back_stops_nothing(monkeypatch):
    monkeypatch.setattr("recommender.schedule.KEEP_S", 0.01)
    runs = Runs(0)
    task = Task("train", 3_600, WITHIN_S, 600.0)
    schedule = Schedule((task,), lambda _: runs, Always())
    running = asyncio.create_task(schedule.run(runs.stop))
    await asyncio.sleep(0)
    assert schedule._scheduler.get_job("train").next_run_time < datetime.now(UTC) + timedelta(hours=1)
    schedule._scheduler.modify_job("train", next_run_time=datetime.now(UTC) + timedelta(days=1))  # so it looks then
    async with asyncio.timeout(WITHIN_S):
        await running
    assert runs.codes == []


async def test_what_nobody_foresaw_ends_the_schedule():
    duty = Always()
    with pytest.raises(RuntimeError, match="surprise"):
        await played(Runs(RuntimeError("surprise"), 0), duty=duty)
    assert duty.given_back


async def test_what_is_another_schedules_duty_is_not_run_and_what_nobody_knows_is_tried_again():
    runs = Runs(0)
    schedule = await played(runs, duty=Always(RedisError("away"), RedisError("away")))
    assert schedule.states["train"].runs >= 2
    idle = Runs(0)
    schedule = Schedule((a_task(),), lambda _: idle, Always(False))
    running = asyncio.create_task(schedule.run(idle.stop))
    async with asyncio.timeout(WITHIN_S):
        while not schedule.states or schedule.states["train"].last != "elsewhere":  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    idle.stop.set()
    await running
    assert (idle.codes, schedule.states["train"].runs) == ([0], 0)


@pytest.mark.parametrize(
    ("codes", "last", "failures", "pause_s"),
    [
        ([0], "done", 0, 3_600),
        ([3], "refused", 1, RETRY_S),
        ([4, 4], "trouble", 2, 2 * RETRY_S),
        ([0, 5, None, -9], "died", 3, 4 * RETRY_S),
        ([None] * 50, STUCK, 50, 3_600),
        ([4, 4, 0], "done", 0, 3_600),
    ],
)
def test_a_failure_is_tried_again_ever_later_up_to_the_interval(codes, last, failures, pause_s, monkeypatch):
    monkeypatch.setattr("recommender.schedule.RETRY_S", RETRY_S)
    state = State()
    for code in codes:
        state.took(code, 5.0)
    assert (state.last, state.failures, state.runs) == (last, failures, len(codes))
    assert state.pause_s(3_600) == pause_s
    assert state.done_at_s == (5.0 if 0 in codes else 0.0)


def metric(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_the_metrics_say_when_a_task_was_last_done():
    before = metric("juliu_refreshes_total", task="fold-in", outcome="done")
    runs = Runs(0, 0)
    schedule = Schedule((a_task("fold-in"),), lambda _: runs, Always())
    running = asyncio.create_task(schedule.run(runs.stop))
    async with asyncio.timeout(WITHIN_S):
        while metric("juliu_refreshes_total", task="fold-in", outcome="done") == before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert metric("juliu_refreshed_at_seconds", task="fold-in") == schedule.states["fold-in"].done_at_s > 0
    runs.stop.set()
    await running


def noting_pid(path: Path) -> list[str]:
    return [sys.executable, "-c", f"import os; open({str(path)!r}, 'w').write(f'{{os.getpid()}}.'); {SLEEPS}"]


def pid_in(path: Path) -> int:
    """Once it is there."""
    end = time.monotonic() + WITHIN_S
    while not (path.exists() and path.read_text().endswith(".")) and time.monotonic() < end:
        time.sleep(0.01)  # a file has no event
    return int(path.read_text().removesuffix("."))


async def test_stopping_stops_what_is_running(tmp_path: Path):
    stop = asyncio.Event()
    names = ("train", "lists")
    schedule = Schedule(
        tuple(a_task(name, longest_s=600.0) for name in names), lambda t: Child(noting_pid(tmp_path / t.name)), Always()
    )
    task = asyncio.create_task(schedule.run(stop))
    pids = [await asyncio.to_thread(pid_in, tmp_path / name) for name in names]
    assert all(map(psutil.pid_exists, pids))
    stop.set()
    async with asyncio.timeout(WITHIN_S):
        await task
    assert not any(map(psutil.pid_exists, pids))


async def test_a_run_says_how_it_ended():
    assert await Child([sys.executable, "-c", "raise SystemExit(3)"]).run(WITHIN_S) == 3


@pytest.mark.parametrize("program", [SLEEPS, DEAF])
async def test_a_run_that_takes_too_long_is_ended(program, monkeypatch):
    monkeypatch.setattr("recommender.schedule.STOP_S", 0.2)
    async with asyncio.timeout(WITHIN_S):
        assert await Child([sys.executable, "-c", program]).run(0.3) is None


async def test_of_two_schedules_one_has_the_duty_until_it_ends():
    store = MemoryRecommendationStore()
    one, other = StoredDuty(store), StoredDuty(store)
    assert [await one.ours("train"), await other.ours("train")] == [True, False]
    assert [await other.ours("lists"), await one.ours("lists")] == [True, False]
    await one.keep()
    assert [await one.ours("train"), await other.ours("train")] == [True, False]
    await one.give_back()
    assert [await other.ours("train"), await one.ours("train")] == [True, False]
    store.locks.clear()  # it was frozen for a minute
    assert await one.ours("train")
    await other.keep()
    assert not await other.ours("train")
    await one.give_back()
    assert await other.ours("train")


async def test_duty_that_cannot_be_kept_does_not_end_the_schedule():
    class Away(MemoryRecommendationStore):
        def renew(self, hold, life_s):
            raise RedisError("away")

        unlock = renew

    duty = StoredDuty(Away())
    assert await duty.ours("train")
    await duty.keep()
    with pytest.raises(RedisError):
        await duty.ours("train")


def test_what_is_scheduled_are_commands_with_the_periods_of_the_settings():
    settings = Settings(train_interval_s=60, lists_interval_s=120, fold_in_interval_s=180, cold_interval_s=0)
    ours = tasks(settings)
    assert {task.name: task.interval_s for task in ours} == {"train": 60, "lists": 120, "fold-in": 180, "cold": 0}
    assert {task.name for task in ours} == set(COMMANDS)
    assert all(child(task)._command[-len(COMMANDS[task.name]) :] == COMMANDS[task.name] for task in ours)


async def test_the_process_ends_when_it_is_asked_to():
    running = asyncio.create_task(schedule_process._run(Settings(canary_every_s=0)))
    await asyncio.sleep(0)
    os.kill(os.getpid(), signal.SIGTERM)  # it takes it for itself by now
    async with asyncio.timeout(WITHIN_S):
        await running
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(number)


@pytest.mark.parametrize("seconds", [-1, 1, 59])
def test_a_period_is_never_or_at_least_a_minute(seconds):
    for name in ("train_interval_s", "lists_interval_s", "fold_in_interval_s", "cold_interval_s"):
        with pytest.raises(ValueError, match=name):
            Settings(**{name: seconds})
