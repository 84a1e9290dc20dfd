"""LADDER: the encrypted renditions made, and all their files but the master playlist put where they stay."""

from __future__ import annotations

from infra.media.job import Facts, Leased
from media_jobs.context import StepContext
from media_jobs.steps import renditions


def run(context: StepContext, leased: Leased) -> Facts:
    """Raises StepFailed: the engine's and the storage's."""
    return renditions.made(context, leased, context.watch)
