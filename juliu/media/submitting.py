"""Hands episodes in: all of it is looked through first, then each file goes into storage and becomes a job.

The key of a file is made of its content, so what is handed in never lies where a job that runs reads from; and the same
command again goes on where it ended: what is active or done already is told, not begun twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from domain.media import names, wechat_name
from domain.media.episode_files import Known, Problem, Trouble, problems
from domain.media.limits import Limits
from domain.media.orders import AT_TERMINAL
from domain.media.steps import JobState, Kind
from infra.content_hash import sha256_of
from infra.media.job import MAX_LISTED, AlreadyActive, AlreadyDone, Job, JobFilter, JobView, Submission, TidiedAway
from infra.media.port import Jobs
from juliu.media.sources import Found, Read
from media_jobs.engine import Storage

PUTS = 3  # of one file, where old ones are tidied away meanwhile
MOST_PAGES = 500  # of a drama's jobs, MAX_LISTED each
Outcome = Literal["submitted", "active", "done"]


class Catalogue(Protocol):
    """Where dramas are looked up: infra.catalogue.known.  Both raise Unknown."""

    def of_id(self, drama_id: int) -> Known:
        """By number."""

    def of_title(self, title: str) -> Known:
        """By title, where only one has it."""


class Item(NamedTuple):
    """A file that is to become a job."""

    found: Found
    drama: Known

    @property
    def episode_no(self) -> int:
        """Of the drama."""
        return self.found.source.episode_no


class Plan(NamedTuple):
    """All of them in order; where there is a problem, nothing of it is begun."""

    items: list[Item]
    problems: list[Problem]
    notes: list[str]


class Submitted(NamedTuple):
    """What became of a file: a new job, or the one that is active, or the one that has done this very file."""

    job_id: int
    drama_id: int
    episode_no: int
    file: str
    source: str
    outcome: Outcome


Told = Callable[[Item, str, int], None]  # an item, what is done with it, and how much of that (permille)


def plan(read: Read, catalogue: Catalogue, jobs: Jobs, *, partial: bool, wechat: bool) -> Plan:
    """What is to be done and what is wrong.  Raises what the catalogue and the queue raise, but for Unknown."""
    grouped, wrong = _grouped(read.files, catalogue)
    found = list(read.problems) + wrong
    items: list[Item] = []
    for drama, files in grouped:
        known = drama._replace(have=drama.have | {job.episode_no for job in _of(jobs, drama.drama_id, active=True)})
        sources = [file.source for file in files]
        found += problems(known, sources, max_bytes=Limits().file_bytes, partial=partial)
        if wechat and (why := wechat_name.trouble(drama.title)):
            found.append(Problem(Trouble.BAD_TITLE, f"drama {drama.drama_id}: {why}"))
        items += [Item(file, drama) for file in files]
    if not items and not found:
        found.append(Problem(Trouble.NOTHING, "there is no file named `剧名 - 第N集`"))
    return Plan(sorted(items, key=lambda item: (item.drama.drama_id, item.episode_no)), found, read.notes)


def submit(todo: Plan, storage: Storage, jobs: Jobs, *, wechat: bool, again: bool, told: Told) -> Iterator[Submitted]:
    """Each file in order, told as it is done.

    Raises Wait, StepFailed (storage): what was told is done, the same again does the rest.  ValueError where there are
    problems: they are a person's.
    """
    if todo.problems:
        raise ValueError("there are problems: nothing is begun")
    standing: dict[int, _Standing] = {}
    for item in todo.items:
        drama_id = item.drama.drama_id
        if drama_id not in standing:
            standing = {drama_id: _Standing(_of(jobs, drama_id))}  # of one drama at a time
        yield _submitted(item, standing[drama_id], storage, jobs, wechat=wechat, again=again, told=told)


def _submitted(
    item: Item, standing: _Standing, storage: Storage, jobs: Jobs, *, wechat: bool, again: bool, told: Told
) -> Submitted:
    sha256 = content_hash(item.found.path, lambda permille: told(item, "reading", permille))
    name = f"{names.hash12(sha256)}{Path(names.harmless(item.found.source.name)).suffix.lower()}"
    key = names.incoming(item.drama.drama_id, item.episode_no, name)
    done = Submitted(0, item.drama.drama_id, item.episode_no, item.found.source.name, key, "submitted")
    if (job_id := standing.active(item.episode_no)) is not None:
        return done._replace(job_id=job_id, outcome="active")
    if not again and (job_id := standing.done(item.episode_no, sha256, wechat=wechat)) is not None:
        return done._replace(job_id=job_id, outcome="done")
    what = Submission(Kind.EPISODE, item.drama.drama_id, item.episode_no, key, item.drama.title, wechat, sha256, again)
    try:
        return done._replace(job_id=_put_and_begun(what, item, storage, jobs, told))
    except AlreadyActive as error:  # somebody else, meanwhile
        return done._replace(job_id=error.job_id, outcome="active")
    except AlreadyDone as error:
        return done._replace(job_id=error.job_id, outcome="done")


def _put_and_begun(what: Submission, item: Item, storage: Storage, jobs: Jobs, told: Told) -> int:
    """The id of the job; put again where old files of the episode, perhaps this one, were tidied away meanwhile."""
    for left in range(PUTS - 1, -1, -1):
        tidied = jobs.tidied(what.drama_id, what.episode_no)
        storage.put(what.source, item.found.path, names.content_type_of(what.source), _Watch(item, told))
        try:
            return jobs.submit(what._replace(tidied=tidied), AT_TERMINAL)
        except TidiedAway:
            if not left:
                raise
    raise AssertionError


class _Standing:
    """A drama's jobs as they stood before."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        its = [job for job in jobs if job.kind is Kind.EPISODE]
        self._active = {job.episode_no: job.job_id for job in its if job.state is JobState.ACTIVE}
        self._done = {job.episode_no: job for job in its if job.state is JobState.DONE}  # the latest: they go by id
        self._latest = {job.episode_no: job for job in its}

    def active(self, episode_no: int) -> int | None:
        """The job that makes it."""
        return self._active.get(episode_no)

    def done(self, episode_no: int, sha256: str, *, wechat: bool) -> int | None:
        """The latest job that made it, where it did so from this content, for WeChat too where that is asked for.

        None also where another came later: what became of that the queue knows.
        """
        job = self._done.get(episode_no)
        if job is not self._latest.get(episode_no):
            return None
        same = job is not None and job.content_hash == sha256 and (job.wechat or not wechat)
        return job.job_id if same and job is not None else None


class _Watch:
    """media_jobs.watch.Watch: tells a person."""

    def __init__(self, item: Item, told: Told) -> None:
        self._item, self._told = item, told

    def progress(self, permille: int) -> None:
        """See Watch."""
        self._told(self._item, "storing", permille)


def content_hash(path: Path, progress: Callable[[int], None]) -> str:
    """Its SHA-256 in hex; memory does not depend on the size."""
    with path.open("rb") as file:
        return sha256_of(file, path.stat().st_size, progress)


def _grouped(files: Sequence[Found], catalogue: Catalogue) -> tuple[list[tuple[Known, list[Found]]], list[Problem]]:
    """The files of each drama; a problem for each drama that the catalogue does not have."""
    by_drama: dict[int, tuple[Known, list[Found]]] = {}
    asked: dict[int | str, Known | None] = {}
    wrong: list[Problem] = []
    for file in files:
        which = file.drama_id or file.source.title
        if which not in asked:
            asked[which] = _looked_up(catalogue, which, wrong)
        if (drama := asked[which]) is not None:
            by_drama.setdefault(drama.drama_id, (drama, []))[1].append(file)
    return list(by_drama.values()), wrong


def _looked_up(catalogue: Catalogue, which: int | str, wrong: list[Problem]) -> Known | None:
    try:
        return catalogue.of_id(which) if isinstance(which, int) else catalogue.of_title(which)
    except LookupError as error:
        wrong.append(Problem(Trouble.NOT_IN_CATALOGUE, str(error)))
        return None


def _of(jobs: Jobs, drama_id: int, *, active: bool = False) -> list[Job]:
    """A drama's jobs, by id."""
    which = JobFilter(state=JobState.ACTIVE if active else None, drama_id=drama_id)
    return [view.job for view in views(jobs, which)]


def views(jobs: Jobs, which: JobFilter, *, after: int = 0, most: int = MOST_PAGES * MAX_LISTED) -> Iterator[JobView]:
    """All jobs above `after` that match, by id, at most `most`."""
    left = most
    while left > 0 and (page := jobs.jobs(which, after, min(left, MAX_LISTED))):
        yield from page
        after, left = page[-1].job.job_id, left - len(page)
