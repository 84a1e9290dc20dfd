"""AUDIT: WeChat looks at the drama, for days; its answer is asked for, an event only makes us ask sooner.

What counts is the drama's own state: an episode that passed in a drama that did not does not play.
"""

from __future__ import annotations

from collections.abc import Iterator

from domain.media.steps import Step
from domain.media.trouble import Failure, Later, StepFailed
from domain.media.wechat_drama import Audit
from infra import failpoints
from infra.media.job import Facts, Leased
from media_jobs.context import StepContext
from media_jobs.wechat.heard import CLOCK_S, heard, platform
from media_jobs.wechat.platform import Platform
from media_jobs.wechat.shapes import TAKEN_DOWN, Drama

ASK_S = 900.0
REASONS = 4  # episodes whose reason is told: a text has 500 characters
DOWN = "WeChat has taken the drama down: see the console (mp.weixin.qq.com, 微短剧)."
WORDS = {Audit.REJECTED: "said no, finally", Audit.REFILL: "wants it mended and handed in again"}


def run(context: StepContext, leased: Leased) -> Facts:
    """Facts: platform_id, audited_s.  Raises StepFailed (rejected, to be filled in again, taken down), Later."""
    its, sent = platform(context), leased.facts[Step.SUBMIT]
    with heard():
        drama = its.vod.drama(int(sent["platform_id"]))
        audit = audit_of(drama, int(sent["submitted_s"]))
        note = _note(its, drama, audit)
    _moved(its, leased.job.drama_id, drama)
    its.dramas.audited(leased.job.drama_id, audit, note)
    failpoints.reached("media.after_audit")
    if audit is Audit.PASSED:
        _whole(its, leased.job.drama_id, drama)
        return {"platform_id": drama.drama_id, "audited_s": drama.audit_detail.audit_time}
    if note:
        raise StepFailed(Failure.MEND, f"wechat_{audit.name.lower()}", note)
    raise Later(ASK_S)


def _moved(its: Platform, drama_id: int, drama: Drama) -> None:
    """What was to take an episode's place and is in the drama has taken it, also by somebody's hand in the console."""
    there = {one.media_id for one in drama.media_list}
    for episode_no, media in its.dramas.media(drama_id).items():
        if media.next_media_id in there:
            its.dramas.replaced(drama_id, episode_no, media.next_media_id)


def _whole(its: Platform, drama_id: int, drama: Drama) -> None:
    """Raises StepFailed where an episode of ours is in no drama of WeChat's, so that it cannot play."""
    there = {one.media_id for one in drama.media_list}
    outside = [number for number, media in its.dramas.media(drama_id).items() if media.media_id not in there]
    if outside:
        text = f"The drama passed without episodes {outside[:20]} and takes no more: ask WeChat, or hand them in apart."
        raise StepFailed(Failure.MEND, "episodes_outside", text)


def audit_of(drama: Drama, submitted_s: int) -> Audit:
    """How it stands; what is said of an earlier submission says nothing of this one."""
    if drama.status == TAKEN_DOWN:
        return Audit.REJECTED
    audit = Audit(drama.audit_detail.status) if drama.audit_detail.status in set(Audit) else Audit.PENDING
    stale = drama.audit_detail.create_time < submitted_s - CLOCK_S
    return Audit.PENDING if stale or audit is Audit.NONE else audit


def _note(its: Platform, drama: Drama, audit: Audit) -> str:
    """What a person should do; empty while nothing is to be done."""
    if drama.status == TAKEN_DOWN:
        return DOWN
    if audit not in WORDS:
        return ""
    return "; ".join([f"WeChat {WORDS[audit]}", *_reasons(its, drama)])


def _reasons(its: Platform, drama: Drama) -> Iterator[str]:
    refused = [one for one in its.vod.of_drama(drama.drama_id) if one.audit_detail.reason]
    for one in refused[:REASONS]:
        yield f"{one.name[:40]}: {one.audit_detail.reason[:80]}"
    if len(refused) > REASONS:
        yield f"and {len(refused) - REASONS} more"
