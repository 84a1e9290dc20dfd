"""MEZZANINE: the one plain file that WeChat pulls, to transcode and encrypt it itself."""

from __future__ import annotations

from domain.media.ladder import mezzanine_of
from infra.media.job import Facts, Leased
from media_jobs.context import StepContext
from media_jobs.steps import kept


def run(context: StepContext, leased: Leased) -> Facts:
    """Raises StepFailed: the engine's and the storage's."""
    task, probe, report = kept.task_of(context, leased), kept.probe_of(leased), kept.report_of(leased)
    stored = context.processing.mezzanine(task, probe, report, context.watch)
    usage = {"stored_bytes": stored.size, "platform_play_bytes": stored.size}
    billed = {"ci_ms": {mezzanine_of(probe).name: report.decoded_ms}} if context.processing.paid else {}
    return {"key": stored.key, "size": stored.size, "content_ms": report.decoded_ms, "usage": usage | billed}
