"""CHECK: the whole file decoded once, for the technical report and its verdict; then the poster candidates."""

from __future__ import annotations

from domain.media import names
from domain.media.probe import Probe
from domain.media.report import Report
from domain.media.verdict import verdict
from infra.media.job import Facts, Leased
from media_jobs.context import StepContext
from media_jobs.engine import Task
from media_jobs.steps import kept
from media_jobs.steps.refusal import refuse
from media_jobs.tree import put_tree
from media_jobs.watch import Part

INSPECTED, CHOSEN = 700, 900  # permille of the step


def run(context: StepContext, leased: Leased) -> Facts:
    """Raises StepFailed: MEND for what viewers should not be shown; the engine's and the storage's.  Later."""
    task, probe = kept.task_of(context, leased), kept.probe_of(leased)
    report = _inspected(context, leased, task, probe)
    warnings = refuse(verdict(probe, report))
    context.note({"report": kept.plain(report), "round": leased.job.rounds})
    posters = context.processing.posters(task, probe, Part(context.watch, INSPECTED, CHOSEN))
    prefix = names.posters(task.drama_id, task.episode_no, task.hash12)
    stored = put_tree(context.storage, context.work / "posters", prefix, Part(context.watch, CHOSEN, 1000))
    usage = {"stored_bytes": sum(one.size for one in stored)}
    return {
        "report": kept.plain(report), "warnings": warnings, "posters": kept.plain(posters.candidates),
        "content_ms": report.decoded_ms,
        "usage": usage | ({"ci_snapshots": posters.taken} if posters.taken else {}),
    }  # fmt: skip


def _inspected(context: StepContext, leased: Leased, task: Task, probe: Probe) -> Report:
    """What an earlier run of this round saw, where only the posters were waited for: it is the same content."""
    if leased.own.get("round") == leased.job.rounds:
        return kept.read(leased.own["report"], Report)
    return context.processing.inspect(task, probe, Part(context.watch, 0, INSPECTED))
