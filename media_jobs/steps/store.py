"""STORE: the renditions' files compared with what was made, extras deleted, and the master playlist put last."""

from __future__ import annotations

from domain.media import names
from domain.media.playlist import MAX_BYTES
from domain.media.steps import Step
from domain.media.trouble import Failure, StepFailed
from infra import failpoints
from infra.media.job import Facts, Leased
from media_jobs.context import StepContext
from media_jobs.engine import Task
from media_jobs.steps import kept, renditions
from media_jobs.watch import Part

COMPARED = 300  # permille; what is lost or damaged is made anew in the rest


def run(context: StepContext, leased: Leased) -> Facts:
    """Raises StepFailed: AGAIN where files do not stay as they were put; the engine's and the storage's."""
    task, facts = kept.task_of(context, leased), kept.facts_with(leased, Step.LADDER, "digest")
    mended = not renditions.whole(context, task, facts, Part(context.watch, 0, COMPARED))
    if mended:
        facts = renditions.made(context, leased, Part(context.watch, COMPARED, 900))
        if not renditions.whole(context, task, facts, Part(context.watch, 900, 1000)):
            text = "the storage does not keep what is put there: look at who else writes to it"
            raise StepFailed(Failure.AGAIN, "stored_otherwise", text)
    extras = renditions.delete_extras(context, task, facts)
    failpoints.reached("media.before_master")
    key = names.master(task.drama_id, task.episode_no, task.hash12)
    replaces = context.storage.head(key) is not None
    context.storage.put_bytes(key, facts["master"].encode(), names.content_type_of(key))
    if context.playlists:
        context.playlists.put({key: facts["master"], **_of_rungs(context, task, facts)})
    failpoints.reached("media.after_master")
    return {
        "master_key": key, "replaces": replaces, "mended": mended, "extras_deleted": extras,
        "content_ms": facts["content_ms"],
    }  # fmt: skip


def _of_rungs(context: StepContext, task: Task, facts: Facts) -> dict[str, str]:
    """The text of each rung's playlist, by its key.  Raises StepFailed."""
    texts = {}
    for one in facts["rungs"]:
        key = names.playlist(task.drama_id, task.episode_no, task.hash12, one["rung"]["name"])
        target = context.work / f"{one['rung']['name']}.m3u8"
        context.storage.fetch(key, target, MAX_BYTES, context.watch)
        texts[key] = target.read_text(encoding="utf-8")
    return texts
