"""Jobs of CI, each begun once: CI has no idempotency token, so what we ask is noted before and looked up after.

Noted under the key "ci" of the step's facts, a job: how often and since when it was asked for, its id once CI has told
it, how often it failed.  Only where an answer was lost are CI's jobs listed and found by their UserData; extras that
come to light then are cancelled and what they made is deleted.  Asking CI is the truth, its callbacks are hints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from domain.media.trouble import Failure, Later, StepFailed
from infra import failpoints
from media_jobs.cos.client import Cos
from media_jobs.cos.failures import Refused, Transient
from media_jobs.cos.objects import head
from media_jobs.cos.storage import CosStorage
from media_jobs.cos.wanted import NUMBER, ORDER, SLACK_MS, WAITS, Entry, Told, Wanted, time_of, told, told_of, user_data
from media_jobs.engine import MAX_KEYS, Task
from media_jobs.watch import Watch

PAGE, PAGES = 100, 20  # jobs that CI lists at a time, at most; pages that are read of what was asked since
TIMES = 3  # that CI may fail a job before people are asked
FIRST_POLL_S, LONGEST_POLL_S = 0.5, 8.0
PATIENCE_S = 30.0  # then the worker does other things meanwhile


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
        self._await([one.name for one in wanted], watch)
        for one in wanted:
            if self._entries[one.name].asks > 1:
                self._delete_extras(one, watch)
        return {one.name: self._entries[one.name].output for one in wanted}

    def forget(self, name: str) -> None:
        """What it made is gone: the next call asks anew."""
        self._entries[name].begin_anew(self._task.token)
        self._note()

    def refuse_changed(self, watch: Watch) -> None:
        """Raises StepFailed where the source is not the file any more that was looked at."""
        task = self._task
        if not task.source_crc64:
            return
        there = head(self._cos, task.source, watch)
        if there is None:
            raise StepFailed(Failure.MEND, "not_found", f"nothing lies at {task.source}: upload it again")
        if str(there.crc64) != task.source_crc64:
            text = f"{task.source} was changed while the job ran: submit the episode again"
            raise StepFailed(Failure.MEND, "source_changed", text)

    def drop(self, watch: Watch) -> bool:
        """End all of it, and delete what it made on the way; False where some runs on, or may come to light yet.

        Notes nothing: the step is not ours any more.  Raises StepFailed.
        """
        return all([self._dropped(name, entry, watch) for name, entry in self._entries.items()])

    # -- one of them ---------------------------------------------------------------------------------------------------

    def _ensure(self, wanted: Wanted, watch: Watch) -> None:
        task = self._task
        fresh = Entry(wanted.output, round=task.token, rounds=task.rounds, tag=wanted.tag)
        entry = self._entries.setdefault(wanted.name, fresh)
        if entry.rounds != task.rounds:
            self._afresh(entry, watch)
        if not entry.job and entry.asks:
            self._adopt(wanted, entry, watch)
        if not entry.job:
            self._ask(wanted, entry, watch)

    def _afresh(self, entry: Entry, watch: Watch) -> None:
        """Somebody said "again": failures are counted anew, and what was cancelled or failed is no failure of now."""
        entry.rounds, entry.fails = self._task.rounds, 0
        if entry.job and not any(one.state in ORDER for one in self._by_id([entry.job], watch)):
            entry.begin_anew(self._task.token)
        self._note()

    def _adopt(self, wanted: Wanted, entry: Entry, watch: Watch) -> None:
        """The best of what CI has of it already."""
        found = [one for one in self._found(wanted.name, entry, watch) if one.state in ORDER]
        if found:
            best = min(found, key=lambda one: ORDER.index(one.state))
            entry.job, entry.output = best.job, best.output
            entry.asks = max(entry.asks, len(found))
            self._note()

    def _ask(self, wanted: Wanted, entry: Entry, watch: Watch) -> None:
        self.refuse_changed(watch)
        entry.asks, entry.output = entry.asks + 1, wanted.output
        entry.last_ms = self._ci.now_ms()
        entry.asked_ms = entry.asked_ms or entry.last_ms
        self._note()
        failpoints.reached("media.before_ci")
        answer = self._cos.once(
            "ci_create_media_jobs", Jobs=self._request(wanted, entry), ContentType="application/xml"
        )
        failpoints.reached("media.after_ci")
        entry.job = told(answer)[0].job
        self._note()

    def _request(self, wanted: Wanted, entry: Entry) -> dict[str, Any]:
        bucket = self._cos.bucket
        output = {"Region": bucket.region, "Bucket": bucket.name, "Object": wanted.output}
        data = f"{self._mark(wanted.name, entry)}{self._task.token}.{entry.asks}"
        return {
            "Tag": wanted.tag,
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
        known = {one.job: one for one in self._by_id([self._entries[name].job for name in names], watch)}
        states = {name: known.get(self._entries[name].job) for name in names}
        if failed := {name: one for name, one in states.items() if one is None or one.state not in ORDER}:
            self._raise(failed)
        return [name for name, one in states.items() if one is not None and one.state != "Success"]

    def _raise(self, failed: Mapping[str, Told | None]) -> None:
        """CI has failed these, or knows them no more: they are asked for anew, TIMES times in all."""
        for name in failed:
            self._entries[name].begin_anew(self._task.token)
            self._entries[name].fails += 1
        self._note()
        words = ", ".join(f"{name} ({one.words if one else 'CI does not know it'})" for name, one in failed.items())
        if max(self._entries[name].fails for name in failed) >= TIMES:
            raise Refused("ci_failed", "Failed", f"look at the file, CI failed {TIMES} times: {words}")
        raise Transient("ci_failed", f"CI failed {words}")

    def _delete_extras(self, wanted: Wanted, watch: Watch) -> None:
        """An answer was lost: whatever CI has of it besides what we keep costs money twice and is used by nobody."""
        entry = self._entries[wanted.name]
        for one in self._found(wanted.name, entry, watch):
            if one.job == entry.job or one.state not in ORDER:
                continue
            self.extras += 1
            self._cancel(one)
            if one.ours and one.output != entry.output:
                self._delete(one.output)
        entry.asks = 1
        self._note()

    def _dropped(self, name: str, entry: Entry, watch: Watch) -> bool:
        found = self._by_id([entry.job], watch) if entry.job else []
        if entry.unclear:
            found += [one for one in self._found(name, entry, watch) if one.job != entry.job]
        ended = all([self._ended(one) for one in found])
        return ended and (not entry.unclear or self._ci.now_ms() - entry.last_ms > SLACK_MS)

    def _ended(self, one: Told) -> bool:
        """Whether CI does nothing for it any more, and nothing of it is left on the way."""
        if one.state in WAITS:
            return self._cancel(one)
        if one.state == "Success" and one.ours:
            self._delete(one.output)
        return one.state != "Running"

    def _cancel(self, one: Told) -> bool:
        """CI cancels only what it has not begun."""
        with suppress(StepFailed):
            self._cos.once("ci_cancel_jobs", JobID=one.job)
            return True
        return False

    def _delete(self, output: str) -> None:
        storage = CosStorage(self._cos)
        storage.delete(storage.keys(output.partition(NUMBER)[0], MAX_KEYS))

    # -- what CI tells -------------------------------------------------------------------------------------------------

    def _by_id(self, ids: Sequence[str], watch: Watch) -> list[Told]:
        return told(self._cos.ask("ci_get_media_jobs", watch, JobIDs=",".join(ids)))

    def _found(self, name: str, entry: Entry, watch: Watch) -> list[Told]:
        """All tries of it that CI has, the oldest first."""
        mark = self._mark(name, entry)
        return [told_of(row) for row in self._listed(entry, watch) if user_data(row).startswith(mark)]

    def _listed(self, entry: Entry, watch: Watch) -> Iterator[Mapping[str, Any]]:
        """All of CI's jobs of the time in which we asked for it."""
        since, until = time_of(entry.asked_ms - SLACK_MS), time_of(entry.last_ms + SLACK_MS)
        asked: dict[str, Any] = {
            "Tag": entry.tag, "StartCreationTime": since, "EndCreationTime": until,
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

    def _note(self) -> None:
        self._task.note({"ci": {name: asdict(entry) for name, entry in self._entries.items()}})
