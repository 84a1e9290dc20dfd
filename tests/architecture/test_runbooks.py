"""Runbooks: every page tells the same four things, and what any document says to type can be typed."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from infra.place import ROOT
from juliu.cli import COMMANDS, app_for

FOLDER = ROOT / "docs" / "runbooks"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
DOCUMENTS = (
    "README.md",
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/operating.md",
    "docs/faults.md",
    "docs/media.md",
    "docs/recommender.md",
)
EVERYTHING = [*sorted(FOLDER.glob("*.md")), *(ROOT / name for name in DOCUMENTS)]
HEADINGS = ["What you see", "Look at", "Do", "How you know"]
FENCED = re.compile(r"^ *```[a-z]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)  # also inside a list


def typed(text: str) -> Iterator[str]:
    """Lines of fenced blocks that begin with `juliu`, and what is set as code in a sentence."""
    for block in FENCED.findall(text):
        yield from (line.strip() for line in block.splitlines() if line.lstrip().startswith("juliu "))
    yield from re.findall(r"`(juliu [^`]+)`", FENCED.sub("", text))


def wrong(line: str) -> str | None:
    """What of a typed line there is not: a command, one of its own, or an option."""
    words = shlex.split(re.sub(r" [|#] .*", "", line))[1:]
    if words[0] not in {command.name for command in COMMANDS}:
        return f"no command {words[0]}"
    command: Any = typer.main.get_command(app_for(words[0]))
    while words and hasattr(command, "commands") and not words[0].startswith("-"):
        name = words.pop(0)
        if re.fullmatch(r"\.\.\.|…|[a-z]+(\|[a-z]+)+", name):
            return None
        found = command.commands.get(name)
        if found is None:
            return f"no command {name}"
        command = found
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [word for word in words if re.match(r"-[-\w]", word) and word.split("=")[0] not in options | {"--help"}]
    return f"no option {unknown[0]}" if unknown else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_tells_its_four_things_in_order(page: Path):
    whole = page.read_text(encoding="utf-8")
    assert re.match(r"# \S", whole)
    headings = re.findall(r"^## (.*)$", FENCED.sub("", whole), re.MULTILINE)
    assert [heading for heading in headings if heading in HEADINGS] == HEADINGS
    assert all(part.strip() for part in re.split(r"^## .*$", whole, flags=re.MULTILINE)[1:])


@pytest.mark.parametrize("page", EVERYTHING, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_it_says_to_type_can_be_typed(page: Path):
    lines = set(typed(page.read_text(encoding="utf-8")))
    assert {line: fault for line in lines if (fault := wrong(line))} == {}


@pytest.mark.parametrize("page", EVERYTHING, ids=lambda page: str(page.relative_to(ROOT)))
def test_its_links_lead_somewhere(page: Path):
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_page_is_in_the_index():
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES if f"({page.name})" not in index] == []


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("juliu statsu", "no command statsu"),
        ("juliu canary --onec", "no option --onec"),
        ("juliu catalogue publsh", "no command publsh"),
        ("juliu catalogue publish --afresh", None),
        ("juliu ledger check --json", None),
    ],
)
def test_a_slip_of_the_pen_is_seen(line, fault):
    assert wrong(line) == fault


def steps() -> Iterator[str]:
    """What the fault runner types as an operator, up to the first word that it works out."""
    for path in sorted((ROOT / "juliu" / "faults" / "matrix").glob("*.py")):
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in {"typed", "said"}:
                words = [word.value if isinstance(word, ast.Constant) else None for word in call.args[1:]]
                known = words[: words.index(None)] if None in words else words
                yield " ".join(str(word) for word in ["juliu", *known] if word != "--json")


def test_every_step_that_a_fault_needs_is_named_by_a_runbook():
    named = {line for page in PAGES for line in typed(page.read_text(encoding="utf-8"))}
    needed = set(steps()) - {"juliu"}
    assert {"juliu rebuild redis --no-compare", "juliu dead allow", "juliu archive"} <= needed
    assert {step for step in needed if not any(line.startswith(step) for line in named)} == set()
