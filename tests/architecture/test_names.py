"""Names have one home: keys in domain/keys.py, topics in domain/topics.py; nothing names a machine or a registry."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain import keys, topics
from infra.place import ROOT

PACKAGES = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["root_packages"]
HOMES = {"domain/keys.py", "domain/topics.py"}
TOPICS = {topic.name for topic in topics.TOPICS}


def tracked() -> list[str]:
    """Every file of the repository, as git has it."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for path in listed.split("\0") if path and (ROOT / path).is_file()]


def code() -> list[str]:
    """The product's own modules."""
    return [path for path in tracked() if path.endswith(".py") and path.split("/")[0] in PACKAGES and path not in HOMES]


def texts(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every string, an f-string as its first constant piece; docstrings and other bare strings not."""
    tree = ast.parse(source)
    bare = {node.value for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inner = {part for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and node.values and isinstance(node.values[0], ast.Constant):
            yield node.lineno, str(node.values[0].value)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in bare | inner:
            yield node.lineno, node.value


def spelled_keys() -> tuple[set[str], set[str]]:
    """Whole keys, and what the keys that functions make begin with (up to the first colon)."""
    whole = {value for name, value in vars(keys).items() if name.isupper() and isinstance(value, str) and ":" in value}
    tree = ast.parse((ROOT / "domain" / "keys.py").read_text())
    made = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    return whole, {str(node.values[0].value).split(":")[0] + ":" for node in made}


def spells_a_key(text: str, whole: set[str], prefixes: set[str]) -> bool:
    """True for a key itself and for the beginning of one; a prefix of words ("catalogue: published") is prose."""
    return text in whole or any(re.match(re.escape(prefix) + r"(\{|[a-z0-9]|$)", text) for prefix in prefixes)


def test_the_rule_sees_what_it_forbids():
    whole, prefixes = spelled_keys()
    assert "hot:current" in whole
    assert {"ns:", "fence:", "u:", "rec:", "served:"} <= prefixes
    found = [text for _, text in texts('"doc"\nx = f"fence:{g}:1"\ny = "juliu.events"\n')]
    assert found == ["fence:", "juliu.events"]
    assert spells_a_key("fence:", whole, prefixes)
    assert not spells_a_key("catalogue: published", whole, prefixes)


def test_nobody_else_spells_a_key_or_a_topic():
    whole, prefixes = spelled_keys()
    wrong = [
        f"{path}:{line} {text!r}"
        for path in code()
        for line, text in texts((ROOT / path).read_text())
        if text in TOPICS or spells_a_key(text, whole, prefixes)
    ]
    assert wrong == []


def test_no_file_is_named_for_nothing():
    vague = {"utils", "util", "common", "helpers", "helper", "manager", "misc"}
    assert [path for path in tracked() if {Path(part).stem for part in Path(path).parts} & vague] == []


def test_every_module_opens_with_what_it_is_for():
    assert [path for path in code() if not ast.get_docstring(ast.parse((ROOT / path).read_text()))] == []


FORBIDDEN = {
    "a machine's folder": re.compile(r"(?<![\w.])/(work|root)/\w"),
    "the workplace": re.compile("[.]" + "library/|shared/(facts|prototypes)"),
    "a registry": re.compile(
        "|".join(
            re.escape(host.replace(" ", "."))
            for host in (
                "pypi org", "pythonhosted org", "npmjs org", "npmjs com", "repo1 maven org", "repo maven apache org",
                "deb debian org", "crates io", "proxy golang org",
            )
        )
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FORBIDDEN)
def test_nothing_names(what):
    wrong = []
    for path in tracked():
        if path.startswith("tests/architecture/"):
            continue  # this test speaks of what it forbids
        try:
            text = (ROOT / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # data
        wrong += [f"{path}: {found[0]}" for found in [FORBIDDEN[what].search(text)] if found]
    assert wrong == []
