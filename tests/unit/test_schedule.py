"""The schedule of trainings: one at a time, sooner after a failure, stopped when asked or when stuck."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

import psutil
import pytest

from juliu.commands.train import moment_ms
from recommender.schedule import RETRY_S, Child, State, keep_training

WITHIN_S = 20.0
SLEEPS = "import time; time.sleep(600)"
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"


class Trainings:
    """Ends as `codes` say, then asks to stop; notes how many ran at once."""

    def __init__(self, *codes: int | None) -> None:
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
        return code


async def test_trains_one_after_the_other_until_stopped():
    trainings, state = Trainings(0, 3, None, 1, 0), State()
    async with asyncio.timeout(WITHIN_S):
        await keep_training(trainings, state, 0, trainings.stop)
    assert (trainings.most, trainings.codes) == (1, [])
    assert state.trainings >= 4


@pytest.mark.parametrize(
    ("codes", "last", "failures", "pause_s"),
    [
        ([0], "published", 0, 3_600),
        ([3], "refused", 1, RETRY_S),
        ([4, 4], "trouble", 2, 2 * RETRY_S),
        ([0, 5, None, -9], "died", 3, 4 * RETRY_S),
        ([None] * 50, "stuck", 50, 3_600),
        ([4, 4, 0], "published", 0, 3_600),
    ],
)
def test_a_failure_is_tried_again_soon_and_ever_later_up_to_the_interval(codes, last, failures, pause_s):
    state = State()
    for code in codes:
        state.took(code, 5.0)
    assert (state.last, state.failures, state.trainings) == (last, failures, len(codes))
    assert state.pause_s(3_600) == pause_s
    assert state.published_at_s == (5.0 if 0 in codes else 0.0)


async def test_stopping_stops_what_is_running(tmp_path: Path):
    stop, started = asyncio.Event(), tmp_path / "pid"
    child = Child(
        [sys.executable, "-c", f"import os; open({str(started)!r}, 'w').write(f'{{os.getpid()}}.'); {SLEEPS}"]
    )
    task = asyncio.create_task(keep_training(child, State(), 0, stop))
    end = time.monotonic() + WITHIN_S
    while not (started.exists() and started.read_text().endswith(".")) and time.monotonic() < end:  # noqa: ASYNC110
        await asyncio.sleep(0.01)  # a file has no event
    pid = int(started.read_text().removesuffix("."))
    assert psutil.pid_exists(pid)
    stop.set()
    async with asyncio.timeout(WITHIN_S):
        await task
    assert not psutil.pid_exists(pid)


async def test_a_training_says_how_it_ended():
    assert await Child([sys.executable, "-c", "raise SystemExit(3)"]).run(WITHIN_S) == 3


@pytest.mark.parametrize("program", [SLEEPS, DEAF])
async def test_a_training_that_takes_too_long_is_ended(program, monkeypatch):
    monkeypatch.setattr("recommender.schedule.STOP_S", 0.2)
    async with asyncio.timeout(WITHIN_S):
        assert await Child([sys.executable, "-c", program]).run(0.3) is None


NOW_MS = 1_790_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW_MS),
        ("1700000000000", 1_700_000_000_000),
        ("2026-05-08", 1_778_169_600_000),  # midnight in Shanghai
        ("2026-05-08T01:30", 1_778_175_000_000),
        ("2026-05-08T01:30:00+00:00", 1_778_203_800_000),
        ("2026-05-08T01:30:00Z", 1_778_203_800_000),
    ],
)
def test_a_moment_is_an_iso_time_of_shanghai_or_unix_milliseconds(text, expected):
    assert moment_ms(text, NOW_MS) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        *((text, "neither") for text in ("", "tomorrow", "-5", "1e9", "2026-13-01", "٣")),
        ("0", "range"),
        (str(2**53), "range"),
    ],
)
def test_what_is_no_moment_is_told(text, why):
    with pytest.raises(ValueError, match=why):
        moment_ms(text, NOW_MS)
