"""The steps of a media job: what comes after what, when a job has ended, and how.

An episode is probed and checked once; then two branches go on by themselves, and one that fails does not stop the
other: ours (encrypted HLS for h5 and previews) and WeChat's (a plain file that the platform encrypts itself).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from domain.media.trouble import Failure


class Kind(StrEnum):
    """What a job is about."""

    EPISODE = "episode"  # a file becomes playable
    DRAMA = "drama"  # the whole drama becomes allowed by the platform's audit
    REPLACEMENT = "replacement"  # an episode of an audited drama gets another file


class Step(StrEnum):
    """One piece of work, leased to one worker at a time."""

    PROBE = "probe"
    CHECK = "check"
    LADDER = "ladder"
    STORE = "store"
    CDN = "cdn"
    MEZZANINE = "mezzanine"
    PULL = "pull"
    MEDIA_ID = "media_id"
    MATERIALS = "materials"
    SUBMIT = "submit"
    AUDIT = "audit"
    REPLACE = "replace"


class JobState(StrEnum):
    """ACTIVE while a step can still be done; then one of the others, until `retry`."""

    ACTIVE = "active"
    DONE = "done"
    REJECTED = "rejected"  # the material's or the account's fault: people must mend it
    FAILED = "failed"  # given up
    CANCELLED = "cancelled"


class StepState(StrEnum):
    """WAITING for steps before it, READY to be leased (perhaps not before a time), LEASED, or ended."""

    WAITING = "waiting"
    READY = "ready"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


_AFTER: Mapping[Step, tuple[Step, ...]] = {
    Step.PROBE: (),
    Step.CHECK: (Step.PROBE,),
    Step.LADDER: (Step.CHECK,),
    Step.STORE: (Step.LADDER,),
    Step.CDN: (Step.STORE,),
    Step.MEZZANINE: (Step.CHECK,),
    Step.PULL: (Step.MEZZANINE,),
    Step.MEDIA_ID: (Step.PULL,),
    Step.MATERIALS: (),
    Step.SUBMIT: (Step.MATERIALS,),
    Step.AUDIT: (Step.SUBMIT,),
    Step.REPLACE: (),
}
_OURS = (Step.PROBE, Step.CHECK, Step.LADDER, Step.STORE, Step.CDN)
_WECHAT = (Step.MEZZANINE, Step.PULL, Step.MEDIA_ID)
# What failed begins further back where what was made is used up: temporary material ids, a pull without a result.
AGAIN_FROM = {Step.SUBMIT: Step.MATERIALS, Step.AUDIT: Step.MATERIALS, Step.MEDIA_ID: Step.PULL}


def after(step: Step) -> tuple[Step, ...]:
    """The steps that must be done before this one is ready."""
    return _AFTER[step]


def steps_of(kind: Kind, wechat: bool) -> tuple[Step, ...]:
    """The steps of a job, each after those that it depends on.  `wechat` is about episodes only."""
    match kind:
        case Kind.EPISODE:
            return _OURS + (_WECHAT if wechat else ())
        case Kind.DRAMA:
            return (Step.MATERIALS, Step.SUBMIT, Step.AUDIT)
        case Kind.REPLACEMENT:
            return (Step.REPLACE,)


def opened(states: Mapping[Step, StepState]) -> list[Step]:
    """The waiting steps of a job whose steps before them are all done: these are ready now."""
    waiting = (step for step, state in states.items() if state is StepState.WAITING)
    return [step for step in waiting if all(states[before] is StepState.DONE for before in after(step))]


def ended(states: Mapping[Step, StepState], failures: Mapping[Step, Failure]) -> JobState:
    """How a job stands: ACTIVE while a step is ready or leased (what waits behind a failed step never will be).

    REJECTED where a step failed for people to mend, else FAILED where one failed, else CANCELLED, else DONE.
    """
    its = set(states.values())
    if its & {StepState.READY, StepState.LEASED} or opened(states):
        return JobState.ACTIVE
    if StepState.FAILED in its:
        failed = {failures.get(step) for step, state in states.items() if state is StepState.FAILED}
        return JobState.REJECTED if Failure.MEND in failed else JobState.FAILED
    return JobState.CANCELLED if StepState.CANCELLED in its else JobState.DONE


def retried(states: Mapping[Step, StepState]) -> dict[Step, StepState]:
    """The states after a person says "again": what failed or was cancelled is done once more, what is done is kept.

    Some steps that failed begin again with an earlier one, because what that made cannot be used twice.
    """
    failed = {step for step, state in states.items() if state is StepState.FAILED}
    once_more = failed | {step for step, state in states.items() if state is StepState.CANCELLED}
    once_more |= {AGAIN_FROM[step] for step in failed if step in AGAIN_FROM}
    fresh = dict(states)
    for step in states:  # in the order of steps_of: what depends on a step that is done anew is done anew too
        if step in once_more or any(fresh[before] is StepState.WAITING for before in after(step)):
            fresh[step] = StepState.WAITING
    for step in opened(fresh):
        fresh[step] = StepState.READY
    return fresh
