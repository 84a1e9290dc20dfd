"""Jobs of CI, each begun once: CI has no idempotency token, so what we ask is noted before and looked up after.

Noted under the key "ci" of the step's facts, a job: how often and since when it was asked for, its id once CI has told
it, how often it failed.  Only where an answer was lost are CI's jobs listed and found by their UserData; extras that
come to light then are cancelled and what they made is deleted.  Asking CI is the truth, its callbacks are hints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from domain.media.trouble import Cancelled, Later, StepFailed
from infra import failpoints
from media_jobs.cos.client import Cos
from media_jobs.cos.failures import Refused, Transient
from media_jobs.engine import Task
from media_jobs.watch import Watch

PAGE, PAGES = 100, 20  # jobs that CI lists at a time, at most; pages that are read of what was asked since
SLACK_MS = 600_000  # between our clock and CI's
TIMES = 3  # that CI may fail a job before people are asked
FIRST_POLL_S, LONGEST_POLL_S = 0.5, 8.0
PATIENCE_S = 30.0  # then the worker does other things meanwhile
_SHANGHAI = timezone(timedelta(hours=8))
_ORDER = ("Success", "Running", "Submitted", "Pause")  # which of several to keep; the others are no use


class Wanted(NamedTuple):
    """One job: its name within the step, what CI is to do, and where (a key below `work/` is ours to delete)."""

    name: str
    operation: Mapping[str, Any]
    output: str


@dataclass
class Entry:
    """What is written down of one."""

    output: str
    asks: int = 0
    asked_ms: int = 0  # the first time, and the last
    last_ms: int = 0
    job: str = ""
    fails: int = 0
    round: int = 0  # what an earlier round made has failed or is gone: nobody looks for it again

    def begin_anew(self) -> None:
        """Whatever CI has of it is no use."""
        self.job, self.asks, self.asked_ms, self.last_ms, self.round = "", 0, 0, 0, self.round + 1


class Told(NamedTuple):
    """A job as CI tells it."""

    job: str
    state: str
    output: str
    words: str


@dataclass(frozen=True)
class Ci:
    """CI of one bucket, and how we use it: queue and callback (empty: none), how long a worker waits for a job."""

    cos: Cos
    now_ms: Callable[[], int]
    queue: str = ""
    callback: str = ""
    patience_s: float = PATIENCE_S

    @property
    def named(self) -> dict[str, str]:
        """What each request says of it."""
        said = {"QueueId": self.queue, "CallBack": self.callback, "CallBackFormat": "JSON" if self.callback else ""}
        return {name: value for name, value in said.items() if value}


class Jobs:
    """The CI jobs of one step."""

    def __init__(self, ci: Ci, task: Task) -> None:
        self._ci, self._cos, self._task = ci, ci.cos, task
        self._entries = {name: Entry(**told) for name, told in task.noted.get("ci", {}).items()}
        self.extras = 0

    def done(self, wanted: Sequence[Wanted], watch: Watch) -> dict[str, str]:
        """Where the output of each lies, by name.  Raises Later where CI needs long, StepFailed."""
        for one in wanted:
            self._ensure(one, watch)
        try:
            self._await([one.name for one in wanted], watch)
        except Cancelled:
            self._cancel_all()
            raise
        for one in wanted:
            if self._entries[one.name].asks > 1:
                self._delete_extras(one, watch)
        return {one.name: self._entries[one.name].output for one in wanted}

    def forget(self, name: str) -> None:
        """What it made is gone: the next call asks anew."""
        self._entries[name].begin_anew()
        self._note()

    # -- one of them ---------------------------------------------------------------------------------------------------

    def _ensure(self, wanted: Wanted, watch: Watch) -> None:
        entry = self._entries.setdefault(wanted.name, Entry(wanted.output))
        if not entry.job and entry.asks:
            self._adopt(wanted, entry, watch)
        if not entry.job:
            self._ask(wanted, entry)

    def _adopt(self, wanted: Wanted, entry: Entry, watch: Watch) -> None:
        """The best of what CI has of it already."""
        found = [told for told in self._found(wanted, entry, watch) if told.state in _ORDER]
        if found:
            best = min(found, key=lambda told: _ORDER.index(told.state))
            entry.job, entry.output = best.job, best.output
            entry.asks = max(entry.asks, len(found))
            self._note()

    def _ask(self, wanted: Wanted, entry: Entry) -> None:
        entry.asks, entry.output = entry.asks + 1, wanted.output
        entry.last_ms = self._ci.now_ms()
        entry.asked_ms = entry.asked_ms or entry.last_ms
        self._note()
        failpoints.reached("media.before_ci")
        answer = self._cos.once(
            "ci_create_media_jobs", Jobs=self._request(wanted, entry), ContentType="application/xml"
        )
        failpoints.reached("media.after_ci")
        entry.job = _told(answer)[0].job
        self._note()

    def _request(self, wanted: Wanted, entry: Entry) -> dict[str, Any]:
        bucket = self._cos.bucket
        output = {"Region": bucket.region, "Bucket": bucket.name, "Object": wanted.output}
        data = f"{self._mark(wanted.name, entry)}{self._task.token}.{entry.asks}"
        return {
            "Tag": "Transcode",
            "Input": {"Object": self._task.source},
            "Operation": {**wanted.operation, "Output": output, "UserData": data},
            **self._ci.named,
        }

    def _mark(self, name: str, entry: Entry) -> str:
        """What the UserData of every try of it in this round begins with, and of nothing else."""
        task = self._task
        return f"juliu:{task.job_id}:{task.drama_id}:{task.episode_no}:{task.hash12}:{task.step}:{name}:{entry.round}:"

    # -- all of them ---------------------------------------------------------------------------------------------------

    def _await(self, names: Sequence[str], watch: Watch) -> None:
        waited, pause = 0.0, FIRST_POLL_S
        while left := self._unfinished(names, watch):
            done = 1000 * (len(names) - len(left)) // len(names)
            if waited >= self._ci.patience_s:
                raise Later(LONGEST_POLL_S)
            self._cos.wait(pause, watch, done)
            waited, pause = waited + pause, min(2 * pause, LONGEST_POLL_S)

    def _unfinished(self, names: Sequence[str], watch: Watch) -> list[str]:
        ids = ",".join(self._entries[name].job for name in names)
        told = {one.job: one for one in _told(self._cos.ask("ci_get_media_jobs", watch, JobIDs=ids))}
        states = {name: told.get(self._entries[name].job) for name in names}
        if failed := {name: one for name, one in states.items() if one is None or one.state not in _ORDER}:
            self._raise(failed)
        return [name for name, one in states.items() if one is not None and one.state != "Success"]

    def _raise(self, failed: Mapping[str, Told | None]) -> None:
        """CI has failed these, or knows them no more: they are asked for anew, TIMES times in all."""
        for name in failed:
            self._entries[name].begin_anew()
            self._entries[name].fails += 1
        self._note()
        words = ", ".join(f"{name} ({one.words if one else 'CI does not know it'})" for name, one in failed.items())
        if max(self._entries[name].fails for name in failed) >= TIMES:
            raise Refused("ci_failed", "Failed", f"look at the file, CI failed {TIMES} times: {words}")
        raise Transient("ci_failed", f"CI failed {words}")

    def _delete_extras(self, wanted: Wanted, watch: Watch) -> None:
        """An answer was lost: whatever CI has of it besides what we keep costs money twice and is used by nobody."""
        entry = self._entries[wanted.name]
        for told in self._found(wanted, entry, watch):
            if told.job == entry.job or told.state not in _ORDER:
                continue
            self.extras += 1
            with suppress(StepFailed):  # CI cancels only what it has not begun
                self._cos.once("ci_cancel_jobs", JobID=told.job)
            if told.output.startswith("work/") and told.output != entry.output:
                self._cos.ask("delete_object", watch, Key=told.output)
        entry.asks = 1
        self._note()

    def _found(self, wanted: Wanted, entry: Entry, watch: Watch) -> list[Told]:
        """All tries of it that CI has, the oldest first."""
        mark = self._mark(wanted.name, entry)
        return [_one(row) for row in self._listed(entry, watch) if str(_user_data(row)).startswith(mark)]

    def _listed(self, entry: Entry, watch: Watch) -> Iterator[Mapping[str, Any]]:
        """All of CI's jobs of the time in which we asked for it."""
        since, until = _time(entry.asked_ms - SLACK_MS), _time(entry.last_ms + SLACK_MS)
        asked: dict[str, Any] = {
            "Tag": "Transcode", "StartCreationTime": since, "EndCreationTime": until,
            "OrderByTime": "Asc", "Size": PAGE,
        }  # fmt: skip
        if self._ci.queue:
            asked["QueueId"] = self._ci.queue
        token = ""
        for _ in range(PAGES):
            page = self._cos.ask("ci_list_media_jobs", watch, NextToken=token, **asked)
            yield from page.get("JobsDetail") or []
            token = str(page.get("NextToken") or "")
            if not token:
                return
        raise Transient(
            "ci_list_too_long", f"CI has more than {PAGE * PAGES} jobs since {since}: it is looked up later"
        )

    def _cancel_all(self) -> None:
        for entry in self._entries.values():
            if entry.job:
                with suppress(StepFailed):
                    self._cos.once("ci_cancel_jobs", JobID=entry.job)

    def _note(self) -> None:
        self._task.note({"ci": {name: asdict(entry) for name, entry in self._entries.items()}})


def _told(answer: Mapping[str, Any]) -> list[Told]:
    return [_one(row) for row in answer.get("JobsDetail") or []]


def _one(row: Mapping[str, Any]) -> Told:
    output = (row.get("Operation") or {}).get("Output") or {}
    words = f"{row.get('Code')}: {row.get('Message')}"
    return Told(str(row["JobId"]), str(row["State"]), str(output.get("Object", "")), words)


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, _SHANGHAI).strftime("%Y-%m-%dT%H:%M:%S%z")


def _user_data(row: Mapping[str, Any]) -> object:
    return (row.get("Operation") or {}).get("UserData")
