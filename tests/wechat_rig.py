"""A worker of WeChat's steps without a queue, sockets or time: a clock that Later moves, and deaths at any boundary."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast

from domain.media.steps import AGAIN_FROM, JobState, Kind, Step, steps_of
from domain.media.trouble import MAX_ATTEMPTS, Failure, Later, StepFailed, delay_s
from infra.media.job import Facts, Job, Leased
from media_jobs.composition import WECHAT
from media_jobs.context import StepContext
from media_jobs.engine import Stored
from media_jobs.watch import Unwatched, Watch
from media_jobs.wechat.answers import NotSent, Unclear
from media_jobs.wechat.platform import Platform
from media_jobs.wechat.vod import Vod
from media_jobs.wechat.wire import read_answer
from tests.memory_dramas import MemoryDramas
from tests.standins.wechat_chaos import Cut, called
from tests.standins.wechat_state import Account, Traits
from tests.wechat_builders import LI, TITLE, a_dossier, papers

DRAMA, NOW_S, SIZE = 11, 1_700_000_000, 4_321
AWAY = ("wechat_away", "wechat_pull_failed", "wechat_internal")
MAX_RUNS = 3_000  # of one job


class Died(BaseException):
    """kill -9, as far as a test without processes can do it."""


class Papers:
    """Storage with four papers, a mezzanine of SIZE bytes under any key below mezzanine/, and pull addresses."""

    def __init__(self) -> None:
        self.papers = dict.fromkeys(papers(DRAMA), b"\x89PNG and so on")
        self.signed = 0

    def head(self, key: str) -> Stored | None:
        return Stored(key, len(self.papers[key]), 0) if key in self.papers else None

    def fetch(self, key: str, target: Path, max_bytes: int, watch: Watch) -> Stored:
        target.write_bytes(self.papers[key])
        return Stored(key, len(self.papers[key]), 0)

    def pull_address(self, key: str, life_s: int) -> str:
        self.signed += 1
        return f"https://bucket.example/{key}?sign={self.signed}"


@dataclass
class Direct:
    """The wire without a wire: the stand-in answers in this thread.  Dies before or after a call, where told to."""

    account: Account
    die: Callable[[], None]

    def call(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        self.die()
        try:
            answer = called(self.account, name, dict(body))
        except Cut as cut:
            raise (Unclear(name) if cut.done else NotSent(name)) from None
        self.die()
        return read_answer(name, 200, json.dumps(answer).encode())

    def material(self, path: Path, content_type: str) -> str:
        made = f"MAT{self.account.number()}"
        self.account.materials[made] = self.account.now_s()
        return made

    def take(self, name: str) -> None:
        """Always allowed."""


@dataclass
class Rig:
    """One drama of `episodes`; `deaths` is the chance to die at each boundary."""

    work: Path
    episodes: int = 3
    traits: Traits = field(default_factory=Traits)
    seed: int = 1
    deaths: float = 0.0
    now_s: float = NOW_S

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.account = Account(
            traits=self.traits,
            seed=self.seed,
            now_s=lambda: int(self.now_s),
            size_of=self._size,
            seconds_of=lambda _: 60,
        )
        self.dramas = MemoryDramas(self.now_ms, {DRAMA: self.episodes})
        self.platform = Platform(Vod(Direct(self.account, self._die)), self.dramas)
        self.storage, self.sizes, self.reachable = Papers(), {}, True
        self._jobs = 0
        self.died = 0

    def now_ms(self) -> int:
        return int(self.now_s * 1_000)

    # -- people ------------------------------------------------------------------------------------------------------

    def hand_in(self, **changes: Any) -> None:
        self.dramas.put(a_dossier(DRAMA, **changes), LI)
        self.dramas.tick(DRAMA, self.dramas.standing(DRAMA).dossier.record_number, LI)

    def job(self, kind: Kind, episode_no: int = 0, size: int = SIZE) -> Job:
        """A new job; an episode's begins where its mezzanine is there."""
        self._jobs += 1
        self.now_s += 120  # nobody submits two jobs of one episode within a minute
        self.sizes[f"mezzanine/{DRAMA}/{episode_no}/{self._jobs}.mp4"] = size
        return Job(
            self._jobs, kind, DRAMA, episode_no, "", TITLE, True, JobState.ACTIVE, "", 0, self.now_ms(), self.now_ms()
        )

    def uploaded(self) -> None:
        """Each episode is there."""
        for number in range(1, self.episodes + 1):
            self.run(self.job(Kind.EPISODE, number))

    def refused(self, kind: Kind, episode_no: int = 0) -> StepFailed:
        """What a new job ends with."""
        try:
            self.run(self.job(kind, episode_no))
        except StepFailed as failed:
            return failed
        raise AssertionError(f"{kind} went well")

    def playing(self) -> dict[int, int]:
        """Media ids of the episodes that may play."""
        found = self.dramas.plays([(DRAMA, number) for number in range(1, self.episodes + 1)])
        return {number: media_id for (_, number), media_id in found.items()}

    # -- the worker --------------------------------------------------------------------------------------------------

    def run(self, job: Job, retries: int = 0) -> dict[Step, Facts]:
        """Do the job to its end; raises the StepFailed that a person would see.

        `retries`: how often a person says "again" where WeChat was away for too long.
        """
        facts, steps = self.began(job), [step for step in steps_of(job.kind, job.wechat) if step in WECHAT]
        at = 0
        while at < len(steps):
            try:
                self.until_done(job, steps[at], facts)
                at += 1
            except StepFailed as failed:
                if failed.reason not in AWAY or job.rounds >= retries:
                    raise
                job, at = job._replace(rounds=job.rounds + 1), steps.index(AGAIN_FROM.get(steps[at], steps[at]))
        return cast("dict[Step, Facts]", facts)

    def began(self, job: Job) -> dict[Step, dict[str, Any]]:
        """The facts of the steps before ours."""
        if job.kind is not Kind.EPISODE:
            return {}
        key = f"mezzanine/{DRAMA}/{job.episode_no}/{job.job_id}.mp4"
        return {Step.MEZZANINE: {"key": key, "size": self.sizes[key], "content_ms": 60_400}}

    def until_done(self, job: Job, step: Step, facts: dict[Step, dict[str, Any]]) -> None:
        """Run a step, as often as it takes; its facts are among `facts` then."""
        attempt = 1
        for run in range(MAX_RUNS):
            try:
                done = self.once(job, step, facts, run + 1)
                self._die()
            except Died:
                self.died += 1
                self.now_s += 30
            except Later as later:
                self.now_s, attempt = self.now_s + later.after_s, 1
            except StepFailed as failed:
                if failed.kind is not Failure.AGAIN or attempt >= MAX_ATTEMPTS:
                    raise
                self.now_s += max(failed.after_s, delay_s(attempt, self.random))
                attempt += 1
            else:
                facts.setdefault(step, {}).update(done)
                return
        raise AssertionError(f"{step} does not end")

    def once(self, job: Job, step: Step, facts: dict[Step, dict[str, Any]], token: int = 1) -> Facts:
        """One run of a step."""
        leased = Leased(job, step, token, f"w{token}", 1, {one: dict(its) for one, its in facts.items()}, 1)
        return WECHAT[step](self.context(step, facts), leased)

    def context(self, step: Step, facts: dict[Step, dict[str, Any]]) -> StepContext:
        def note(noted: Facts) -> None:
            self._die()
            facts.setdefault(step, {}).update(noted)
            self._die()

        used: dict[str, Any] = {
            "work": self.work, "watch": Unwatched(), "storage": self.storage, "platform": self.platform, "note": note,
            "now_ms": self.now_ms, "random": self.random,
        }  # fmt: skip
        return StepContext(**{one.name: used.get(one.name) for one in fields(StepContext)})

    def _die(self) -> None:
        if self.deaths and self.random.random() < self.deaths:
            raise Died

    def _size(self, address: str) -> int | None:
        return self.sizes[address.partition(".example/")[2].partition("?")[0]] if self.reachable else None
