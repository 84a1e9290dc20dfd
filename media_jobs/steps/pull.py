"""PULL: WeChat fetches the plain file.  It has no idempotency token, and an answer can be lost: look first, always.

What was asked for is noted before and after; where the answer is missing, the media is looked for by its name, time,
size and length, five times over ten minutes, before WeChat is asked again.  It is ours when two looks find it and no
more of them than we can have caused; else none is taken: the next pull has a number, which says what came of it.  A
pull that failed or hangs is asked for anew with a freshly signed address; media that come of several pulls of one file
are counted and deleted in MEDIA_ID.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from domain.media import wechat_event, wechat_name
from domain.media.steps import Step
from domain.media.trouble import Failure, Later, StepFailed
from infra import failpoints
from infra.media.drama_book import UnknownDrama
from infra.media.job import Facts, Leased
from media_jobs.context import StepContext
from media_jobs.wechat import answers
from media_jobs.wechat.heard import CLOCK_S, LOOK_S, LOOKS, heard, platform, sending
from media_jobs.wechat.platform import Platform
from media_jobs.wechat.shapes import Media, Task

ADDRESS_S = 3 * 86_400  # pulls have hung for days (60000)
HUNG_S = 86_400  # after that it is asked for anew
MAX_PULLS = 6
SOON_S, SELDOM_S = 15.0, 300.0
REST_S, LONGEST_REST_S = 60.0, 3_600.0  # after a pull that failed: with MAX_PULLS half an hour in all
KEPT = ("name", "title", "size", "seconds", "since_s", "sent_s", "tasks", "lost")
FORGOTTEN = {"task_id": 0, "sent_s": 0, "unclear": False}
NOTHING: dict[str, Any] = FORGOTTEN | {"lost": 0, "tasks": []}
WAITS, RUNS, DONE, BROKEN = 1, 2, 3, 4  # of a task
SURE_S = 120.0  # from the look that finds a media to the next: our own pull, if it is another, has ended by then
APART_S = 2  # how far WeChat may count a length from ours


def run(context: StepContext, leased: Leased) -> Facts:
    """Facts: media_id and KEPT.  Raises StepFailed, Later.

    Of KEPT: `tasks` are those that did not fail, latest last; `lost` counts pulls that gave no number of theirs.
    """
    with heard():
        asked = _asked(context, leased)
        if asked["task_id"]:
            return _followed(context, leased, asked)
        media_id = _came(context, asked)
        if media_id and media_id == asked.get("seen"):
            return _ended(asked, media_id)
        if asked["looks"] < LOOKS + bool(media_id) and (media_id or asked["unclear"]):
            context.note({"asked": {**asked, "looks": asked["looks"] + 1, "seen": media_id}})
            raise Later(SURE_S if media_id else LOOK_S)
        if (rest_s := asked.get("rests_until_s", 0) - context.now_ms() / 1_000) > 0:  # woken by an event
            raise Later(rest_s)
        return _pulled(context, leased, asked)


def mine(its: Platform, asked: Facts) -> list[Media]:
    """Media that came of this very file, oldest first: name, size and length, since we first asked, in no drama.

    listmedia tells no source_context.  Size and length tell apart what another job made of the same episode.
    """
    found = its.vod.named(asked["name"], asked["since_s"] - CLOCK_S)
    sized = [one for one in found if one.drama_id == 0 and one.file_size in (0, asked["size"])]
    seconds = asked.get("seconds", 0)
    return [one for one in sized if not (one.duration and seconds) or abs(one.duration - seconds) <= APART_S]


def _came(context: StepContext, asked: Facts) -> int:
    """The media of a pull whose answer was lost; 0 while there is none, or one may be another's."""
    if not (asked["unclear"] or asked["lost"]):
        return 0
    found, caused = mine(platform(context), asked), asked["lost"] + int(asked["unclear"]) + len(asked["tasks"])
    return found[0].media_id if 0 < len(found) <= caused else 0


def _asked(context: StepContext, leased: Leased) -> dict[str, Any]:
    """What was noted in this round.  A new round goes on with a pull of the same file and name, and counts anew."""
    asked: dict[str, Any] = dict(leased.own.get("asked", {}))
    if asked and asked["round"] == leased.job.rounds:
        return asked
    title = _title(platform(context), leased)
    try:
        name = wechat_name.written(title, leased.job.episode_no)
    except wechat_name.BadName as error:
        raise StepFailed(Failure.MEND, "wechat_name", f"{error}: hand in another title for WeChat") from error
    made = leased.facts[Step.MEZZANINE]
    file = {"title": title, "name": name, "size": made["size"], "seconds": round(made.get("content_ms", 0) / 1_000)}
    same = {key: asked.get(key, file[key]) for key in file} == file
    begun = NOTHING | {"since_s": leased.job.created_ms // 1_000} | asked | ({} if same else FORGOTTEN)
    return begun | file | {"round": leased.job.rounds, "looks": 0, "pulls": 0, "rests_until_s": 0}


def _title(its: Platform, leased: Leased) -> str:
    """As it was handed in for the drama, else what the job is called: the drama's title, or `剧名 - 第N集`."""
    with suppress(UnknownDrama):
        return its.dramas.standing(leased.job.drama_id).dossier.title
    with suppress(wechat_name.BadName):
        return wechat_name.parse(leased.job.title).title
    return leased.job.title


def _pulled(context: StepContext, leased: Leased, asked: dict[str, Any]) -> Facts:
    """Ask for it; what that gives is seen later."""
    _refuse_many(asked)
    address = context.storage.pull_address(leased.facts[Step.MEZZANINE]["key"], ADDRESS_S)
    if not (asked["unclear"] or asked["lost"] or asked["tasks"]):
        asked = asked | {"since_s": context.now_ms() // 1_000}  # what is older came of no pull of ours
    lost = asked["lost"] + int(asked["unclear"])  # it was looked for in vain, and may still come
    sent = {"sent_s": context.now_ms() // 1_000, "looks": 0, "pulls": asked["pulls"] + 1, "unclear": True, "lost": lost}
    context.note({"asked": asked | sent})
    context.watch.progress(100)
    failpoints.reached("media.before_pull")
    with sending(lambda: context.note({"asked": asked})):
        ours = wechat_event.source_context(leased.job_id, leased.job.rounds)
        task_id = platform(context).vod.pull(asked["name"], address, ours)
    failpoints.reached("media.after_pull")
    its = {"task_id": task_id, "unclear": False, "tasks": [*asked["tasks"][-20:], task_id]}
    context.note({"asked": asked | sent | its})
    raise Later(SOON_S)


def _followed(context: StepContext, leased: Leased, asked: dict[str, Any]) -> Facts:
    task, age_s = _task(context, asked), context.now_ms() // 1_000 - asked["sent_s"]
    if task.status == DONE and task.media_id:
        if leased.job.rounds and _gone(context, task.media_id):  # somebody has deleted it since
            return _pulled(context, leased, asked | {"task_id": 0})
        return _ended(asked, task.media_id)
    if task.status == BROKEN:
        return _again(context, asked, task)
    if age_s > HUNG_S:
        return _pulled(context, leased, asked | {"task_id": 0})
    raise Later(min(SELDOM_S, max(SOON_S, age_s / 4)))


def _task(context: StepContext, asked: dict[str, Any]) -> Task:
    """How it stands; a task that WeChat has forgotten left its media behind, or nothing."""
    task = answers.known(lambda: platform(context).vod.task(asked["task_id"]))
    if task is None:
        context.note({"asked": asked | {"task_id": 0, "unclear": True, "looks": 0}})
        raise Later(1.0)
    return task


def _again(context: StepContext, asked: dict[str, Any], task: Task) -> Facts:
    """The pull failed: signed anew it is asked for again after a rest where that can help, else say what to mend."""
    said, over = answers.advice(task.errcode), asked["task_id"]
    if said.who == "mend":
        raise StepFailed(Failure.MEND, said.reason, f"{said.text} [pull: {task.errcode} {task.errmsg[:200]}]")
    left = [one for one in asked["tasks"] if one != over]  # nothing comes of it any more
    _refuse_many(asked)
    rest_s = min(LONGEST_REST_S, max(said.after_s, REST_S) * 2.0 ** (asked["pulls"] - 1))
    until_s = context.now_ms() / 1_000 + rest_s
    context.note({"asked": asked | {"task_id": 0, "tasks": left, "rests_until_s": until_s}})
    raise Later(rest_s)


def _refuse_many(asked: Facts) -> None:
    if asked["pulls"] >= MAX_PULLS:
        text = f"WeChat did not fetch the file in {MAX_PULLS} tries: is the storage reachable from outside?"
        raise StepFailed(Failure.MEND, "wechat_pull_failed", text)


def _gone(context: StepContext, media_id: int) -> bool:
    return answers.known(lambda: platform(context).vod.media(media_id)) is None


def _ended(asked: Facts, media_id: int) -> Facts:
    return {"media_id": media_id, **{name: asked[name] for name in KEPT if name in asked}}
