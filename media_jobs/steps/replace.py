"""REPLACE: an episode of a drama that plays gets another media: handed in, audited, then replaced, within seven days.

Each of the two calls may have been done although its answer was lost: the drama's own episodes and what is said of the
new media are looked at before anything is sent again.  A verdict counts for the media that it was said of: WeChat tells
a drama's latest audit of a replacement without saying of which episode.  Where it tells nothing of the media itself,
that one counts if it was begun when ours was handed in.  Links of the old media work for up to seven days more.
"""

from __future__ import annotations

from typing import Any

from domain.media.trouble import Failure, Later, StepFailed
from domain.media.wechat_drama import Audit
from infra import failpoints
from infra.media.drama_book import DramaBook, UnknownDrama
from infra.media.job import Facts, Leased
from media_jobs.context import StepContext
from media_jobs.wechat import answers
from media_jobs.wechat.heard import CLOCK_S, LOOK_S, LOOKS, heard, platform, sending
from media_jobs.wechat.vod import Vod

ASK_S = 900.0
OVERTAKEN = 3  # times that another episode's replacement may come between, or that WeChat may refuse what has passed
HANDLED_S = 180  # from our noting a submission until WeChat says that it was made, its clock ahead of ours


def run(context: StepContext, leased: Leased) -> Facts:
    """Facts: old, new.  Raises StepFailed, Later."""
    with heard():
        way = _way(context, leased)
        vod = platform(context).vod
        if way["new"] in {one.media_id for one in vod.drama(way["platform_id"]).media_list}:
            return _replaced(context, leased, way)
        if (audit := _verdict(vod, way)) is not Audit.NONE:
            return _audited(context, leased, way, audit)
        if way["since_s"] and way["looks"] < LOOKS:  # handed in, as far as we know, and not to be seen yet
            context.note({"way": way | {"looks": way["looks"] + 1}})
            raise Later(LOOK_S)
        return _handed_in(context, way)


def _verdict(vod: Vod, way: Facts) -> Audit:
    """What is said of this media since it was handed in; NONE where nothing is."""
    if not way["since_s"]:
        return Audit.NONE
    since_s, own = way["since_s"] - CLOCK_S, vod.media(way["new"]).audit_detail
    if own.status in set(Audit) - {Audit.NONE} and own.create_time >= since_s:
        return Audit(own.status)
    latest = vod.replacement_audit(way["platform_id"])
    ours = latest.status in set(Audit) and since_s <= latest.create_time <= way["since_s"] + HANDLED_S
    return Audit(latest.status) if ours else Audit.NONE


def _way(context: StepContext, leased: Leased) -> dict[str, Any]:
    """What takes whose place, as it was noted in this round or as it stands now."""
    way: dict[str, Any] = dict(leased.own.get("way", {}))
    if way and way["round"] == leased.job.rounds:
        return way
    dramas, job = platform(context).dramas, leased.job
    platform_id, media = _passed(dramas, job.drama_id), dramas.media(job.drama_id).get(job.episode_no)
    if media is None:
        text = "WeChat has no such episode: submit its file, then the drama."
        raise StepFailed(Failure.MEND, "drama_not_submitted", text)
    if not media.next_media_id and not way:
        text = "There is no new media: submit the episode's new file first, then replace."
        raise StepFailed(Failure.MEND, "nothing_to_replace", text)
    pair = {"old": media.media_id, "new": media.next_media_id} if media.next_media_id else way
    return {
        "round": job.rounds,
        "platform_id": platform_id,
        "looks": 0,
        "sent": 0,
        "refused": 0,
        "since_s": 0,
        "old": pair["old"],
        "new": pair["new"],
    }


def _passed(dramas: DramaBook, drama_id: int) -> int:
    """WeChat's id of a drama that may have its episodes replaced."""
    try:
        standing = dramas.standing(drama_id)
    except UnknownDrama:
        standing = None
    if standing is None or standing.platform_id is None:
        text = "The drama was never handed in, so nothing is to be replaced: submit it."
        raise StepFailed(Failure.MEND, "drama_not_submitted", text)
    if standing.audit is not Audit.PASSED:
        text = "The drama has not passed: handed in again, it takes the new file with it (juliu media drama publish)."
        raise StepFailed(Failure.MEND, "drama_not_passed", text)
    return standing.platform_id


def _handed_in(context: StepContext, way: dict[str, Any]) -> Facts:
    sent = way.get("sent", 0)
    if sent > OVERTAKEN:
        text = "WeChat tells nothing of what was handed in: look into the console, then replace again."
        raise StepFailed(Failure.MEND, "wechat_replacement_unseen", text)
    since_s = context.now_ms() // 1_000
    context.note({"way": way | {"since_s": since_s, "looks": 0, "refused": 0, "sent": sent + 1}})
    context.watch.progress(100)
    failpoints.reached("media.before_replacement")
    with sending(lambda: context.note({"way": way | {"since_s": 0}})):
        platform(context).vod.submit_replacement(way["platform_id"], way["old"], way["new"])
    failpoints.reached("media.after_replacement")
    raise Later(ASK_S)


def _audited(context: StepContext, leased: Leased, way: dict[str, Any], audit: Audit) -> Facts:
    if audit in (Audit.REJECTED, Audit.REFILL):
        text = "WeChat refuses the new media: submit a mended file, then replace."
        raise StepFailed(Failure.MEND, "wechat_replacement_refused", text)
    if audit is not Audit.PASSED:
        raise Later(ASK_S)
    context.watch.progress(900)
    try:
        platform(context).vod.replace(way["platform_id"], way["old"], way["new"])
    except answers.Unclear:
        raise Later(LOOK_S) from None  # then the drama's episodes say whether it was done
    except answers.Refused as error:
        if error.code != answers.NOT_THAT:
            raise
        _refused(context, way)
        raise Later(ASK_S) from error
    return _replaced(context, leased, way)


def _refused(context: StepContext, way: dict[str, Any]) -> None:
    """Some minutes after the pass WeChat may still say so; later its seven days are over: it is handed in once more."""
    refused = way.get("refused", 0) + 1
    context.note({"way": way | {"refused": refused} | ({"since_s": 0, "looks": 0} if refused > OVERTAKEN else {})})


def _replaced(context: StepContext, leased: Leased, way: Facts) -> Facts:
    failpoints.reached("media.after_replace")
    platform(context).dramas.replaced(leased.job.drama_id, leased.job.episode_no, way["new"])
    return {"old": way["old"], "new": way["new"]}
