"""CDN: old copies out of the CDN, the first pieces into it; then this rendition is the one that viewers get."""

from __future__ import annotations

from domain.media import names
from domain.media.steps import Step
from domain.media.trouble import StepFailed
from infra import failpoints, logs
from infra.media.job import Facts, Leased
from media_jobs.context import StepContext
from media_jobs.steps import kept, renditions

FIRST = 3  # segments of each rung that are fetched before the first viewer: the first six seconds

log = logs.get(__name__)


def run(context: StepContext, leased: Leased) -> Facts:
    """Raises StepFailed: the CDN's; MEND where the catalogue has no such episode."""
    task, facts = kept.task_of(context, leased), kept.facts_with(leased, Step.LADDER, "digest")
    stored = kept.facts_with(leased, Step.STORE, "replaces")
    where = task.drama_id, task.episode_no, task.hash12
    if stored["replaces"]:
        context.cdn.purge([f"{renditions.prefix_of(task)}/"])
    segments = [
        names.segment(*where, one["rung"]["name"], number)
        for one in facts["rungs"]
        for number in range(min(FIRST, one["segments"]))
    ]
    prefetched = _prefetched(context, leased, segments)
    context.watch.progress(800)
    failpoints.reached("media.before_publish")
    context.publish(task.drama_id, task.episode_no, names.master(*where), stored["content_ms"])
    failpoints.reached("media.after_publish")
    return {"media_path": names.master(*where), "prefetched": prefetched, "content_ms": stored["content_ms"]}


def _prefetched(context: StepContext, leased: Leased, keys: list[str]) -> bool:
    """Whether the CDN was asked to; without it the first viewers only wait longer."""
    try:
        context.cdn.prefetch(keys)
    except StepFailed as error:
        log.warning("not prefetched", job=leased.job_id, reason=error.reason, text=error.text)
        return False
    return True
