"""PROBE: what was handed in, by its headers and its content hash; what can be refused by headers alone is."""

from __future__ import annotations

from domain.media import names
from domain.media.limits import Limits
from domain.media.trouble import Failure, StepFailed
from domain.media.verdict import verdict
from infra.media.job import Facts, Leased
from media_jobs.context import StepContext
from media_jobs.ffmpeg.source import content_hash as content_hash_of
from media_jobs.steps import kept
from media_jobs.steps.refusal import refuse
from media_jobs.watch import Part

FETCHED, HASHED = 400, 900  # permille of the step


def run(context: StepContext, leased: Leased) -> Facts:
    """Raises StepFailed: MEND for what is no episode; the engine's."""
    task = kept.task_of(context, leased, _known(leased))
    source = context.processing.source(task, Part(context.watch, 0, FETCHED))
    content_hash = content_hash_of(source, Limits(), Part(context.watch, FETCHED, HASHED))
    if leased.job.content_hash and leased.job.content_hash != content_hash:
        text = f"{leased.job.source} is not the file that was submitted: submit the episode again"
        raise StepFailed(Failure.MEND, "source_changed", text)
    probe = context.processing.probe(task, Part(context.watch, HASHED, 1000))
    warnings = refuse(verdict(probe))
    return {
        "content_hash": content_hash, "probe": kept.plain(probe), "warnings": warnings, "content_ms": probe.duration_ms,
        **_bound(context, leased),
    }  # fmt: skip


def _known(leased: Leased) -> str:
    return names.hash12(leased.job.content_hash) if leased.job.content_hash else kept.UNKNOWN


def _bound(context: StepContext, leased: Leased) -> Facts:
    """What Storage tells of the file, where a service reads it by itself: it is compared before that is paid for.

    Asked after it was read: what has taken its place meanwhile is refused by its content in CHECK.
    """
    there = context.storage.head(leased.job.source) if context.processing.paid else None
    return {"source_crc64": str(there.crc64)} if there else {}
