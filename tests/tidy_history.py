"""An episode whose jobs, workers, catalogue and tidying do anything in any order; what is needed is asserted as it is.

Who needs what is said here by what each step reads, not by the rules that are tried (domain.media.leftovers).
"""

from __future__ import annotations

from collections.abc import Mapping
from random import Random

from domain.media import names
from domain.media.leftovers import DAY_MS, Lying, Past, heaps, leftovers, needed_for, prunable
from domain.media.steps import JobState, Kind, Step
from domain.media.trouble import Cancelled, Failure, LeaseLost, StepFailed
from infra.media.job import (
    MAX_LISTED,
    AlreadyActive,
    AlreadyDone,
    JobFilter,
    JobView,
    Leased,
    NotNow,
    Submission,
    TidiedAway,
)
from tests.media_desk import Clock
from tests.memory_jobs import MemoryJobs

DRAMA, NUMBER = 7, 1
EPISODE = DRAMA, NUMBER
CONTENTS = [64 * letter for letter in "abc"]
LIFE_MS = 30_000
FAILS = {Step.CDN: 0.4, Step.PULL: 0.6, Step.MEDIA_ID: 0.3}  # what is half done when it fails
PASSES_MS = (1_000, 40_000, 3_600_000, 9 * 3_600_000, DAY_MS, 3 * DAY_MS, 8 * DAY_MS, 40 * DAY_MS, 91 * DAY_MS)


class History:
    """One history: `live()` lets one thing happen."""

    def __init__(self, seed: int) -> None:
        self.random, self.clock = Random(seed), Clock()
        self.jobs = MemoryJobs(self.clock, seed)
        self.files: dict[str, int] = {}  # when each was written
        self.playing = ""
        self.published: list[str] = []
        self.going: list[str] = []  # decided, and perhaps not gone
        self.pruned: set[int] = set()
        self.frozen: list[Leased] = []
        self.told: list[str] = []  # for who reads a failure

    def live(self) -> None:
        """Something happens; what plays is there afterwards."""
        acts = [self.submit, self.work, self.work, self.work, self.work, self.work, self.freeze, self.thaw, self.cancel]
        acts += [self.retry, self.put_back, self.abandon, self.passes, self.passes, self.tidy, self.tidy, self.prune]
        act = self.random.choice(acts)
        self.told.append(act.__name__)
        act()
        assert not self.playing or self.is_whole(self.playing), self.told

    # -- people --------------------------------------------------------------------------------------------------------

    def submit(self) -> None:
        """As `juliu media submit` does; sometimes half of what was to go goes while the source is put."""
        content, wechat, again = self.random.choice(CONTENTS), self.random.random() < 0.5, self.random.random() < 0.5
        tidied = self.jobs.tidied(*EPISODE)
        source = names.incoming(*EPISODE, f"{content[:12]}.mp4")
        self._write(source)
        if self.random.random() < 0.2:
            self.tidy()
        what = Submission(Kind.EPISODE, DRAMA, NUMBER, source, "剧", wechat, content, again, tidied)
        if not self.going:
            try:
                self.jobs.submit(what)
            except (AlreadyActive, AlreadyDone, TidiedAway):
                return

    def cancel(self) -> None:
        """What goes on."""
        for view in self._views():
            if view.job.state is JobState.ACTIVE:
                self.jobs.cancel(view.job.job_id)

    def retry(self) -> None:
        """Any job, also one that should not be."""
        if (its := self._views()) and not self.going:
            try:
                self.jobs.retry(self.random.choice(its).job.job_id)
            except (NotNow, AlreadyActive):
                return

    def put_back(self) -> None:
        """An import names a rendition that was played once, and is there."""
        if whole := [hash12 for hash12 in self.published if self.is_whole(hash12)]:
            self.playing = self.random.choice(whole)

    def abandon(self) -> None:
        """An upload that nobody submits, and what a service left on the way."""
        self._write(names.incoming(*EPISODE, f"{self.random.randrange(100)}-never.mp4"))
        self._write(f"{names.intermediate(*EPISODE, self.random.choice(CONTENTS)[:12])}/720p.mp4")

    def passes(self) -> None:
        """Time."""
        self.clock.pass_ms(self.random.choice(PASSES_MS))

    # -- workers -------------------------------------------------------------------------------------------------------

    def work(self) -> None:
        """A step is done, or fails; what it reads is there."""
        if (leased := self.jobs.lease("a", LIFE_MS, list(Step))) is not None:
            missing = self._missing(leased)
            assert not missing, (leased.job_id, leased.step, missing, self.told)
            if self.random.random() < FAILS.get(leased.step, 0.05):
                kind = self.random.choice([Failure.MEND, Failure.GIVE_UP])
                self.jobs.fail(leased, StepFailed(kind, "chance", ""))
            else:
                self._do(leased)

    def freeze(self) -> None:
        """A worker stands still with a step."""
        if (leased := self.jobs.lease("z", LIFE_MS, list(Step))) is not None:
            self.frozen.append(leased)

    def thaw(self) -> None:
        """It goes on as if nothing had been."""
        if self.frozen:
            leased = self.frozen.pop()
            if not self._missing(leased):
                try:
                    self._do(leased)
                except (LeaseLost, Cancelled):
                    return

    def _missing(self, leased: Leased) -> list[str]:
        """Files that the step reads and does not make: none where it makes what is lacking."""
        mezzanine = names.mezzanine(*EPISODE, leased.job.content_hash[:12])
        reads: Mapping[Step, list[str]] = {
            Step.PROBE: [leased.job.source], Step.CHECK: [leased.job.source], Step.LADDER: [leased.job.source],
            Step.MEZZANINE: [leased.job.source], Step.PULL: [mezzanine],
        }  # fmt: skip
        if leased.step is Step.STORE and not self._has(leased.job.content_hash[:12], ["720p/index.m3u8"]):
            return [key for key in [leased.job.source] if key not in self.files]
        return [key for key in reads.get(leased.step, []) if key not in self.files]

    def _do(self, leased: Leased) -> None:
        hash12 = leased.job.content_hash[:12]
        match leased.step:
            case Step.CHECK:
                self._write(names.poster(*EPISODE, hash12, 0, width=240, kind="jpg"))
            case Step.LADDER | Step.STORE:
                self._write(names.playlist(*EPISODE, hash12, "720p"))
                if leased.step is Step.STORE:
                    self._write(names.master(*EPISODE, hash12))
            case Step.MEZZANINE:
                self._write(names.mezzanine(*EPISODE, hash12))
            case Step.CDN:
                self.jobs.note(leased, {})  # the fence
                self.playing = hash12
                self.published.append(hash12)
        self.jobs.finish(leased, {"content_hash": leased.job.content_hash} if leased.step is Step.PROBE else {}, 1)

    # -- tidying -------------------------------------------------------------------------------------------------------

    def tidy(self) -> None:
        """Decide, unless it was; then delete all of it, or break off."""
        self.going = self._may_go()
        going = self.going[: self.random.choice([0, 1, 2, 99])]
        for key in (key for key in going if not any(path.startswith(needed_for(key)) for path in self._named())):
            for file in [file for file in self.files if file == key or (key.endswith("/") and file.startswith(key))]:
                del self.files[file]
        self.going = self.going[len(going) :]
        if going and not self.going:
            self.jobs.deleted[EPISODE] += 1

    def _may_go(self) -> list[str]:
        """What was decided before, or is now."""
        lying = heaps(Lying(key, 1, at_ms) for key, at_ms in self.files.items())
        return self.going or [
            one.key for one in leftovers(self._pasts(), self.playing, self._named(), lying, self.clock())
        ]

    def prune(self) -> None:
        """Rows of old jobs go, where no file is to go."""
        if not self._may_go():
            self.pruned |= set(prunable(self._pasts(), self.playing, self.clock()))

    # -- how it stands -------------------------------------------------------------------------------------------------

    def is_whole(self, hash12: str) -> bool:
        """Whether a rendition can be played, with its poster."""
        poster = names.poster(*EPISODE, hash12, 0, width=240, kind="jpg")
        return poster in self.files and self._has(hash12, ["master.m3u8", "720p/index.m3u8"])

    def kept(self) -> set[str]:
        """Of what is there at the end: tops of sources and the like, and the hashes of renditions."""
        return {key.split("/")[3][:12] if key.startswith(("hls/", "posters/")) else key for key in self.files}

    def may_be_kept(self) -> set[str]:
        """What plays; what was done later, where the catalogue was put back; all where nobody made what plays."""
        its = self._pasts()
        made = max((job.job_id for job in its if self.playing and job.hash12 == self.playing and job.cdn_ms), default=0)
        if not made:
            return {content[:12] for content in CONTENTS}
        return {self.playing, *(job.hash12 for job in its if job.job_id > made and job.state is JobState.DONE)}

    def _has(self, hash12: str, files: list[str]) -> bool:
        return all(f"{names.hls(*EPISODE, hash12)}/{file}" in self.files for file in files)

    def _named(self) -> set[str]:
        return {names.master(*EPISODE, self.playing)} if self.playing else set()

    def _write(self, key: str) -> None:
        self.files[key] = self.clock()

    def _views(self) -> list[JobView]:
        return [view for view in self.jobs.jobs(JobFilter(), 0, MAX_LISTED) if view.job.job_id not in self.pruned]

    def _pasts(self) -> list[Past]:
        return [_past(view) for view in self._views()]


def _past(view: JobView) -> Past:
    job = view.job
    done = {row.step: row.finished_ms for row in view.steps if row.state == "done"}
    when = done.get(Step.CDN), done.get(Step.MEDIA_ID)
    return Past(job.job_id, job.kind, job.state, job.source, job.content_hash[:12], job.updated_ms, *when)
