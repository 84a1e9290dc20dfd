"""MEDIA_ID: the episode has a media on WeChat, exactly one: it is written down, extras are counted and deleted."""

from __future__ import annotations

from functools import partial

from domain.media.steps import Step
from domain.media.trouble import Failure, Later, StepFailed
from infra import failpoints
from infra.media.job import Facts, Leased
from media_jobs.context import StepContext
from media_jobs.steps import pull
from media_jobs.wechat import answers
from media_jobs.wechat.heard import heard, platform
from media_jobs.wechat.vod import Vod

ASK_S = 300.0
HUNG_S = 2 * pull.HUNG_S  # an earlier pull that still runs: what it leaves after that stays
LOST_LOOKS = 12  # an hour for one whose answer was lost, and that nobody can ask about


def run(context: StepContext, leased: Leased) -> Facts:
    """Facts: media_id, extras (how many were deleted).  Raises StepFailed, Later (an earlier pull still runs)."""
    with heard():
        came = leased.facts[Step.PULL]
        media_id, its = int(came["media_id"]), platform(context)
        name = its.vod.media(media_id).name
        if name != came["name"]:
            text = (
                f"media {media_id} is called {name[:60]!r}, not {came['name'][:60]!r}: was it changed in the console?"
            )
            raise StepFailed(Failure.MEND, "wechat_other_media", text)
        job = leased.job
        kept = its.dramas.uploaded(job.drama_id, job.episode_no, media_id, came["title"], job.created_ms)
        failpoints.reached("media.after_media_id")
        running = _others_run(context, came)  # asked before looking: what ends in between is seen below
        extras = _without_extras(context, leased, media_id if kept else 0)
        if not kept:
            raise StepFailed(Failure.GIVE_UP, "superseded", "A later job has uploaded another file for this episode.")
        waited = int(leased.own.get("waited", 0))
        if running or (came["lost"] > extras and waited < LOST_LOOKS):
            context.note({"waited": waited + 1})
            raise Later(ASK_S)
        return {"media_id": media_id, "extras": extras}


def _without_extras(context: StepContext, leased: Leased, media_id: int) -> int:
    """Delete what else came of this file; how many there were in all, also in earlier runs."""
    its, job = platform(context), leased.job
    used = {media_id}
    for one in its.dramas.media(job.drama_id).values():
        used |= {one.media_id, one.next_media_id}
    spare = [one.media_id for one in pull.mine(its, leased.facts[Step.PULL]) if one.media_id not in used]
    extras = int(leased.own.get("extras", 0)) + len(spare)
    if spare:
        context.note({"extras": extras})
    for one_id in spare:
        answers.known(partial(its.vod.delete, one_id))
    return extras


def _others_run(context: StepContext, came: Facts) -> bool:
    """Whether a pull of this file that was given up still runs: a media may come of it."""
    vod, age_s = platform(context).vod, context.now_ms() // 1_000 - int(came["sent_s"])
    return age_s < HUNG_S and any(_runs(vod, task_id) for task_id in came["tasks"][:-1])


def _runs(vod: Vod, task_id: int) -> bool:
    task = answers.known(lambda: vod.task(task_id))
    return task is not None and task.status in (pull.WAITS, pull.RUNS)
