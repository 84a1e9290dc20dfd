"""What happens to a step: pure functions from a row to the row after it, for MySQL and the memory twin alike."""

from __future__ import annotations

import re
from random import Random

import msgspec

from domain.media.record import used
from domain.media.steps import Step, StepState
from domain.media.trouble import MAX_ATTEMPTS, Cancelled, Failure, LeaseLost, StepFailed, delay_s
from infra.media.job import ELSEWHERE, MAX_FACTS, Facts, Leased, Standing, StepRow

MAX_WAIT_MS = 30 * 86_400_000  # an audit takes about three working days; what takes ten times that will not come
MAX_OWNER, MAX_LIFE_MS = 64, 3_600_000
HASH = "content_hash"  # the fact that becomes the job's
_HASH = re.compile(r"[0-9a-f]{64}\Z")
OVERDUE = StepFailed(Failure.GIVE_UP, "overdue", "Nothing came of it for 30 days: look into the console, then retry.")
WORKER_LOST = StepFailed(Failure.GIVE_UP, "worker_lost", "Every worker that began it died: read the log, then retry.")
FINISHED = frozenset((StepState.DONE,))
LET_GO = frozenset((StepState.READY, StepState.FAILED))
_WORKER_LOST_ONCE = StepFailed(Failure.AGAIN, WORKER_LOST.reason, "")


def is_hash(text: object) -> bool:
    """Whether this is a SHA-256 in hex."""
    return isinstance(text, str) and _HASH.match(text) is not None


def fresh(job_id: int, step: Step, state: StepState, now_ms: int) -> StepRow:
    """A step that nobody has begun."""
    due_ms = now_ms if state is StepState.READY else None
    return StepRow(job_id, step, state, 0, due_ms, "", 0, 0, None, "", "", {}, due_ms, None, None, None, 0)


def opened(row: StepRow, now_ms: int) -> StepRow:
    """What it waited for is done."""
    return row._replace(state=StepState.READY, due_ms=now_ms, ready_ms=now_ms)


def lost(row: StepRow, now_ms: int) -> StepRow:
    """The worker that had it did not come back in time; due at once."""
    return row._replace(
        state=StepState.READY, due_ms=now_ms, ready_ms=now_ms, started_ms=None,
        failure=Failure.AGAIN, reason=_WORKER_LOST_ONCE.reason, text=_WORKER_LOST_ONCE.text,
    )  # fmt: skip


def begun(row: StepRow, owner: str, life_ms: int, now_ms: int) -> StepRow:
    """A worker has it, under the next token."""
    return row._replace(
        state=StepState.LEASED, attempt=row.attempt + 1, due_ms=now_ms + life_ms, owner=owner, token=row.token + 1,
        progress_permille=0, first_ms=row.first_ms or now_ms, started_ms=row.started_ms or now_ms, finished_ms=None,
    )  # fmt: skip


def finished(row: StepRow, facts: Facts, cpu_ms: int, now_ms: int) -> StepRow:
    """It is done.  Raises ValueError for facts that are too large, or nonsense."""
    used(facts)
    if HASH in facts and not is_hash(facts[HASH]):
        raise ValueError(f"facts: {HASH} is no SHA-256 in hex")
    return noted(row, facts)._replace(
        state=StepState.DONE, due_ms=None, progress_permille=1000, failure=None, reason="", text="",
        finished_ms=now_ms, cpu_ms=row.cpu_ms + max(cpu_ms, 0),
    )  # fmt: skip


def noted(row: StepRow, facts: Facts) -> StepRow:
    """These facts beside those that it has.  Raises ValueError for more than MAX_FACTS bytes of them."""
    both = {**row.facts, **facts}
    if (size := len(msgspec.json.encode(both))) > MAX_FACTS:
        raise ValueError(f"{size} bytes of facts: a step keeps {MAX_FACTS}, of numbers and names")
    return row._replace(facts=both)


def failed(row: StepRow, trouble: StepFailed, cpu_ms: int, now_ms: int, random: Random) -> StepRow:
    """The attempt failed: due again after a while, or failed for good."""
    told = row._replace(reason=trouble.reason, text=trouble.text, cpu_ms=row.cpu_ms + max(cpu_ms, 0))
    if trouble.kind is Failure.AGAIN and row.attempt < MAX_ATTEMPTS:
        due_ms = now_ms + int(1000 * max(trouble.after_s, delay_s(max(row.attempt, 1), random)))
        return told._replace(
            state=StepState.READY, due_ms=due_ms, ready_ms=due_ms, started_ms=None, failure=Failure.AGAIN
        )
    why = Failure.MEND if trouble.kind is Failure.MEND else Failure.GIVE_UP
    return told._replace(state=StepState.FAILED, due_ms=None, finished_ms=now_ms, failure=why)


def put_off(row: StepRow, after_s: float, now_ms: int, random: Random) -> StepRow:
    """Not done yet.  Who was answered "later" has reached the other side, so earlier failures are forgotten."""
    if after_s > 0 and row.first_ms is not None and now_ms - row.first_ms > MAX_WAIT_MS:
        return failed(row, OVERDUE, 0, now_ms, random)
    attempt = 0 if after_s > 0 else max(0, row.attempt - 1)
    return row._replace(state=StepState.READY, due_ms=now_ms + int(1000 * max(after_s, 0)), attempt=attempt)


def cancelled(row: StepRow, now_ms: int) -> StepRow:
    """Nobody is to do it any more; who has it keeps its token, and hears of it."""
    return row._replace(state=StepState.CANCELLED, due_ms=None, finished_ms=now_ms)


def ended_elsewhere(row: StepRow, leased: Leased) -> StepRow:
    """What it had begun at a service is gone; as it is where it was begun anew since, or another one holds it."""
    if row.state is not StepState.CANCELLED or row.token != leased.token:
        return row
    return row._replace(facts={name: fact for name, fact in row.facts.items() if name != ELSEWHERE})


def again(row: StepRow, state: StepState, now_ms: int) -> StepRow:
    """A new round: nothing was tried, facts and CPU time stay; who held it in the old round holds it no more."""
    due_ms = now_ms if state is StepState.READY else None
    return row._replace(
        state=state, attempt=0, due_ms=due_ms, token=row.token + 1, progress_permille=0, failure=None, reason="",
        text="", ready_ms=due_ms, first_ms=None, started_ms=None, finished_ms=None,
    )  # fmt: skip


def check_lease(owner: str, life_ms: int) -> None:
    """Raises ValueError for a worker without a name, or a life out of bounds."""
    if not 0 < len(owner) <= MAX_OWNER or not 0 < life_ms <= MAX_LIFE_MS:
        raise ValueError(f"a lease is for a named worker and 1..{MAX_LIFE_MS} ms, not {owner[:80]!r}, {life_ms} ms")


def is_abandoned(row: StepRow) -> bool:
    """Whether no worker may take over what its latest one left: too many have."""
    return row.state is StepState.LEASED and row.attempt >= MAX_ATTEMPTS


def standing(row: StepRow, leased: Leased) -> Standing:
    """What a holder that could not renew hears.  Raises LeaseLost."""
    try:
        check(row, leased)
    except Cancelled:
        return Standing(cancelled=True, until_ms=row.finished_ms or 0)
    return Standing(cancelled=False, until_ms=row.due_ms or 0)


def check(row: StepRow, leased: Leased) -> None:
    """Raises LeaseLost unless the holder still holds it, Cancelled where the job was cancelled."""
    if row.token != leased.token:
        raise LeaseLost(f"{leased.step} of job {leased.job_id}: token {leased.token}, by now {row.token}")
    if row.state is StepState.CANCELLED:
        raise Cancelled(f"job {leased.job_id} is cancelled")
    if row.state is not StepState.LEASED:
        raise LeaseLost(f"{leased.step} of job {leased.job_id} is {row.state}")


def is_repeated(row: StepRow, leased: Leased, past: frozenset[StepState]) -> bool:
    """Whether the holder did this before, and its answer was lost."""
    return row.token == leased.token and row.state in past
