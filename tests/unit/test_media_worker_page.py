"""docs/media-worker.md lists every reason that the worker, the queue and our own steps give, and no other."""

from __future__ import annotations

import ast
import re

from infra.place import ROOT

SOURCES = (
    "media_jobs/worker.py", "media_jobs/endings.py", "media_jobs/cdn.py", "media_jobs/catalogue.py",
    "media_jobs/on_this_machine.py", "media_jobs/steps/kept.py", "media_jobs/steps/probe.py",
    "media_jobs/steps/store.py", "media_jobs/steps/cdn.py", "media_jobs/steps/renditions.py", "infra/media/moves.py",
)  # fmt: skip


def reasons(source: str) -> set[str]:
    """The second argument of each StepFailed(...) that is a text."""
    calls = [call for call in ast.walk(ast.parse(source)) if isinstance(call, ast.Call) and len(call.args) > 1]
    named = [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "StepFailed"]
    return {str(call.args[1].value) for call in named if isinstance(call.args[1], ast.Constant)}


def test_the_page_has_every_reason():
    given = set().union(*(reasons((ROOT / path).read_text()) for path in SOURCES))
    page = (ROOT / "docs/media-worker.md").read_text()
    told = set(re.findall(r"^\| `([a-z0-9_]+)` \|", page, re.MULTILINE))
    assert told == given
