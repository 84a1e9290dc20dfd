"""The keeper of one program, on small programs of our own: starts, restarts, gives up, stops."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.local.errors import NotReady, StackError, Waiting
from infra.local.home import Home
from infra.local.keeper import Keeper
from infra.local.program import CLEAN_BY_DEFAULT, Kind
from infra.local.restarts import Restarts

STAYS = "import pathlib, time; pathlib.Path('ready').touch(); time.sleep(600)"
DIES = "import sys; sys.exit(3)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {STAYS}"


@dataclass
class Small:
    """A program that is ready when its file `ready` is there."""

    home: Home
    code: str
    problem: Exception | None = None
    start_within_s: float = 30.0
    stop_within_s: float = 30.0
    name: str = "small"
    kind: Kind = "process"
    clean_exits: frozenset[int] = CLEAN_BY_DEFAULT
    answer: Exception | None = None
    asked: int = 0

    def prepare(self) -> None:
        if self.problem is not None:
            raise self.problem

    def command(self) -> list[str]:
        return [sys.executable, "-S", "-c", self.code]

    def environment(self) -> Mapping[str, str]:
        return {}

    def addresses(self) -> Mapping[str, str]:
        return {}

    def probe(self) -> str:
        self.asked += 1
        if self.answer is not None:
            raise self.answer
        if not (self.home.run(self.name) / "ready").exists():
            raise NotReady("no file yet")
        return "1.0"


class Kept:
    """A keeper and every phase it told."""

    def __init__(self, program: Small) -> None:
        self.phases: list[str] = []
        self._told = asyncio.Event()
        self.keeper = Keeper(program, program.home, self._tell, Restarts(stillborn_limit=3))

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                self._told.clear()
                await self._told.wait()

    def _tell(self) -> None:
        self.phases.append(self.keeper.state.phase)
        self._told.set()

    @property
    def pid(self) -> int:
        assert self.keeper.state.process is not None
        return self.keeper.state.process.pid


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "logs").mkdir()
    return Home(tmp_path)


@pytest.fixture
async def keep() -> AsyncIterator[Callable[[Small], Kept]]:
    all_kept: list[Kept] = []

    def begin(program: Small) -> Kept:
        all_kept.append(Kept(program))
        all_kept[-1].keeper.start()
        return all_kept[-1]

    yield begin
    for kept in all_kept:
        await kept.keeper.stop()


async def test_a_killed_program_is_started_again(home, keep):
    kept = keep(Small(home, STAYS))
    await kept.until(lambda: kept.keeper.state.phase == "ready")
    assert kept.keeper.state.version == "1.0"
    first = kept.pid
    os.kill(first, signal.SIGKILL)
    await kept.until(lambda: kept.keeper.state.restarts == 1 and kept.keeper.state.phase == "ready")
    assert kept.pid != first


async def test_a_program_that_never_starts_well_is_given_up_and_tried_again_when_asked(home, keep):
    kept = keep(Small(home, DIES))
    await kept.until(lambda: kept.keeper.state.phase == "failed")
    assert "exit code 3" in kept.keeper.state.message
    assert "juliu logs small" in kept.keeper.state.message
    kept.keeper.start()
    await kept.until(lambda: kept.keeper.state.phase == "starting")


async def test_a_program_that_does_not_answer_in_time_is_killed(home, keep):
    kept = keep(Small(home, STAYS.replace("ready", "other"), start_within_s=0.3))
    await kept.until(lambda: kept.keeper.state.restarts == 1)
    assert "SIGKILL" in kept.keeper.state.message


@pytest.mark.parametrize(
    ("clean", "complaint"),
    [(-signal.SIGTERM, []), (0, ["small ended by SIGTERM, which is no orderly stop"])],
)
async def test_stop_ends_it_and_starts_it_no_more(home, keep, caplog, clean, complaint):
    kept = keep(Small(home, STAYS, clean_exits=frozenset({clean})))
    await kept.until(lambda: kept.keeper.state.phase == "ready")
    pid = kept.pid
    with caplog.at_level(logging.WARNING):
        await kept.keeper.stop()
    assert [record.message for record in caplog.records] == complaint
    assert kept.phases[-1] == "stopped"
    assert kept.keeper.state.restarts == 0
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_stop_uses_force_on_a_program_that_does_not_listen(home, keep):
    kept = keep(Small(home, DEAF, stop_within_s=0.2))
    await kept.until(lambda: kept.keeper.state.phase == "ready")
    pid = kept.pid
    await kept.keeper.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    ("problem", "words"), [(StackError("no jars"), "no jars"), (OSError(28, "No space left"), "the disk is full")]
)
async def test_a_program_that_cannot_be_prepared_says_why(home, keep, problem, words):
    kept = keep(Small(home, STAYS, problem=problem))
    await kept.until(lambda: kept.keeper.state.phase == "failed")
    assert words in kept.keeper.state.message


async def test_what_it_prints_is_in_its_log_and_its_folder_is_its_own(home, keep):
    kept = keep(Small(home, f"import os; print(os.getcwd(), os.environ['JULIU_HOME'], flush=True); {STAYS}"))
    await kept.until(lambda: kept.keeper.state.phase == "ready")
    assert home.log("small").read_text() == f"{home.run('small')} {home.path}\n"


async def test_a_program_that_says_it_waits_is_left_to_wait(home, keep):
    waiting = Small(home, STAYS, start_within_s=0.1, answer=Waiting("for a catalogue"))
    kept = keep(waiting)
    async with asyncio.timeout(60):
        while waiting.asked < 5:  # noqa: ASYNC110  it tells a reason once
            await asyncio.sleep(0.01)
    assert kept.keeper.state.restarts == 0
    assert "catalogue" in kept.keeper.state.message


async def test_a_probe_that_fails_as_nobody_foresaw_leaves_the_program_with_its_keeper(home, keep):
    kept = keep(Small(home, STAYS, start_within_s=0.3, answer=IndexError("half a handshake")))
    await kept.until(lambda: "half a handshake" in kept.keeper.state.message)
    await kept.until(lambda: kept.keeper.state.restarts == 1)
