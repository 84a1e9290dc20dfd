"""SUBMIT: the drama is handed in for audit, once.  There is no way to withdraw it, and a title is taken for ever.

An answer that was lost is looked up (listdramas by title, getdrama) five times over ten minutes before anything is sent
again; papers are uploaded anew on each submission, since WeChat's ids of them live three days.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.media.trouble import Failure, Later, StepFailed
from domain.media.wechat_drama import MAX_PAPER, Audit, files
from infra import failpoints
from infra.media.drama_book import Standing
from infra.media.job import Facts, Leased
from media_jobs.context import StepContext
from media_jobs.steps.materials import complete, content_type
from media_jobs.wechat import dossiers
from media_jobs.wechat.heard import CLOCK_S, LOOK_S, LOOKS, heard, platform, sending
from media_jobs.wechat.platform import Platform


def run(context: StepContext, leased: Leased) -> Facts:
    """Facts: platform_id, submitted_s (0: it needed no submission).  Raises StepFailed, Later."""
    its, drama_id = platform(context), leased.job.drama_id
    with heard():
        sent: dict[str, Any] = dict(leased.own.get("sent", {}))
        if sent.get("round") != leased.job.rounds:  # what was unclear in the round before still is
            sent.pop("urgent", None)
            kept = sent if sent.get("unclear") else {"unclear": False, "since_s": 0}
            sent = kept | {"round": leased.job.rounds, "looks": 0}
        standing = its.dramas.standing(drama_id)
        platform_id = _there(its, standing, sent)
        if platform_id:
            return _written(context, leased, platform_id, sent)
        if sent["unclear"] and sent["looks"] < LOOKS:
            context.note({"sent": sent | {"looks": sent["looks"] + 1}})
            raise Later(LOOK_S)
        return _handed_in(context, leased, standing, sent)


def _there(its: Platform, standing: Standing, sent: Facts) -> int:
    """WeChat's id where it has what would be sent: handed in by an earlier run, or as it should be; else 0."""
    if standing.platform_id is None:
        return _first(its, standing, sent)
    drama = its.vod.drama(standing.platform_id)
    audit, since_s = Audit(drama.audit_detail.status), sent["since_s"] - CLOCK_S
    if sent["unclear"]:
        return drama.drama_id if drama.audit_detail.create_time >= since_s else 0
    if audit is Audit.REJECTED:
        text = "WeChat's last word was no: the drama needs another title, and new uploads under that."
        raise StepFailed(Failure.GIVE_UP, "wechat_rejected", text)
    return drama.drama_id if audit in (Audit.PENDING, Audit.PASSED) else 0


def _first(its: Platform, standing: Standing, sent: Facts) -> int:
    """A title that WeChat has already is ours where it has exactly our media, whoever handed it in."""
    ours = [one.media_id for _, one in sorted(its.dramas.media(standing.dossier.drama_id).items())]
    for drama in its.vod.dramas_named(standing.dossier.title):
        if [one.media_id for one in drama.media_list] == ours:
            return drama.drama_id
        if not sent["unclear"]:
            text = f"WeChat has a drama of this title ({drama.drama_id}) with other episodes: hand in another title."
            raise StepFailed(Failure.MEND, "wechat_title_taken", text)
    return 0


def _handed_in(context: StepContext, leased: Leased, standing: Standing, sent: dict[str, Any]) -> Facts:
    its, dossier = platform(context), standing.dossier
    complete(standing, context.storage)  # since MATERIALS somebody may have handed in another record number
    media = its.dramas.media(dossier.drama_id)
    if dossier.expedited and standing.platform_id is None and not sent.get("urgent"):
        its.vod.take("expedited")  # once a round: what fails on the way must not use up the day's five
        sent = sent | {"urgent": True}
        context.note({"sent": sent})
    papers = _uploaded(context, its, files(dossier))
    now = sent | {"since_s": context.now_ms() // 1_000, "unclear": True, "looks": 0}
    context.note({"sent": now | {"media": dossiers.episodes(media)}})
    context.watch.progress(900)
    failpoints.reached("media.before_submit")
    with sending(lambda: context.note({"sent": sent})):
        platform_id = its.vod.submit(dossiers.body(dossier, papers, media, standing.platform_id))
    failpoints.reached("media.after_submit")
    return _written(context, leased, platform_id, now | {"media": dossiers.episodes(media)})


def _uploaded(context: StepContext, its: Platform, keys: list[str]) -> Mapping[str, str]:
    """WeChat's temporary id of each paper."""
    ids: dict[str, str] = {}
    for number, key in enumerate(keys):
        target = context.work / f"{number}.{key.rpartition('.')[2].lower()}"
        context.storage.fetch(key, target, MAX_PAPER, context.watch)
        ids[key] = its.vod.material(target, content_type(key))
    return ids


def _written(context: StepContext, leased: Leased, platform_id: int, sent: Facts) -> Facts:
    """Write down that it is there; `media` says which took the place of others with this submission."""
    dramas = platform(context).dramas
    standing = dramas.standing(leased.job.drama_id)
    if sent["since_s"] or standing.platform_id is None:
        media = {int(number): media_id for number, media_id in sent.get("media", {}).items()}
        at_ms = sent["since_s"] * 1_000 or context.now_ms()
        dramas.submitted(leased.job.drama_id, platform_id, at_ms, media)
    clear = {**sent, "unclear": False}  # in a later round it is handed in once more, not looked for
    return {"platform_id": platform_id, "submitted_s": sent["since_s"], "sent": clear}
