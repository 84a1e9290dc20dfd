"""The pages list every reason that the worker, the queue, our own steps and the engines give, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

import pytest

from infra.place import ROOT

WORKER = (
    "media_jobs/worker.py", "media_jobs/endings.py", "media_jobs/cdn.py", "media_jobs/catalogue.py",
    "media_jobs/on_this_machine.py", "media_jobs/steps/kept.py", "media_jobs/steps/probe.py",
    "media_jobs/steps/store.py", "media_jobs/steps/cdn.py", "media_jobs/steps/renditions.py", "infra/media/moves.py",
)  # fmt: skip
ENGINES = sorted(
    str(path.relative_to(ROOT)) for name in ("cos", "local") for path in (ROOT / "media_jobs" / name).glob("*.py")
)
ARGUMENT = {"StepFailed": 1, "Transient": 0, "Refused": 0}  # which one is the reason


def reasons(source: str) -> Iterator[str]:
    """The reasons of each StepFailed(...), and what is assigned to a `reason`, as far as they are texts."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ARGUMENT:
            yield from texts(node.args[ARGUMENT[node.func.id] :][:1])
        elif isinstance(node, ast.Assign) and any(
            isinstance(to, ast.Name) and to.id == "reason" for to in node.targets
        ):
            yield from texts([node.value])


def texts(values: Iterable[ast.expr]) -> Iterator[str]:
    for value in values:
        if isinstance(value, ast.Constant):
            yield str(value.value)
        elif isinstance(value, ast.IfExp):
            yield from texts([value.body, value.orelse])


@pytest.mark.parametrize(("page", "sources"), [("media-worker", WORKER), ("media-cloud", ENGINES)])
def test_the_page_has_every_reason(page, sources):
    given = {reason for path in sources for reason in reasons((ROOT / path).read_text())}
    told = set(re.findall(r"^\| `([a-z0-9_]+)` \|", (ROOT / f"docs/{page}.md").read_text(), re.MULTILINE))
    assert told == given
