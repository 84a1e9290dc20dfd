"""PROBE: what was handed in, by its headers and its content hash; what can be refused by headers alone is."""

from __future__ import annotations

import hashlib
from pathlib import Path

from domain.media import names
from domain.media.trouble import Failure, StepFailed
from domain.media.verdict import verdict
from infra.media.job import Facts, Leased
from media_jobs.context import StepContext
from media_jobs.steps import kept
from media_jobs.steps.part import Part
from media_jobs.steps.refusal import refuse
from media_jobs.watch import Watch

AT_ONCE = 1 << 20  # bytes of the file in memory
FETCHED, HASHED = 400, 900  # permille of the step


def run(context: StepContext, leased: Leased) -> Facts:
    """Raises StepFailed: MEND for what is no episode; the engine's."""
    task = kept.task_of(context, leased, _known(leased))
    source = context.processing.source(task, Part(context.watch, 0, FETCHED))
    content_hash = sha256_of(source, Part(context.watch, FETCHED, HASHED))
    if leased.job.content_hash and leased.job.content_hash != content_hash:
        text = f"{leased.job.source} is not the file that was submitted: submit the episode again"
        raise StepFailed(Failure.MEND, "source_changed", text)
    probe = context.processing.probe(task, Part(context.watch, HASHED, 1000))
    warnings = refuse(verdict(probe))
    return {
        "content_hash": content_hash, "probe": kept.plain(probe), "warnings": warnings, "content_ms": probe.duration_ms,
    }  # fmt: skip


def sha256_of(path: Path, watch: Watch) -> str:
    """In hex, read piece by piece."""
    digest, size, read = hashlib.sha256(), path.stat().st_size or 1, 0
    with path.open("rb") as file:
        while piece := file.read(AT_ONCE):
            digest.update(piece)
            read += len(piece)
            watch.progress(min(1000, 1000 * read // size))
    return digest.hexdigest()


def _known(leased: Leased) -> str:
    return names.hash12(leased.job.content_hash) if leased.job.content_hash else kept.UNKNOWN
