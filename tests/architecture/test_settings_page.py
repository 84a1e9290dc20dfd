"""docs/settings.md says what infra/settings.py says, and no process reads a variable that the page does not name."""

from __future__ import annotations

import re
import subprocess

from pydantic import SecretStr

from infra.place import ROOT
from infra.settings import Settings

PAGE = (ROOT / "docs" / "settings.md").read_text()


def rows() -> list[str]:
    """The table's rows as they should be: paste them where the test fails."""
    found = []
    for name, field in Settings.model_fields.items():
        value = field.default.get_secret_value() if isinstance(field.default, SecretStr) else field.default
        default = f"`{str(value).lower() if isinstance(value, bool) else value}`" if value != "" else "none"
        found.append(f"| `JULIU_{name.upper()}` | {default} | {field.description} |")
    return found


def test_the_table_is_the_settings():
    table = [line for line in PAGE.splitlines() if line.startswith("| `JULIU_") and "SETTINGS" not in line]
    assert table[: len(rows())] == rows(), "\n" + "\n".join(rows())


def test_every_variable_that_code_names_is_on_the_page():
    files = subprocess.run(
        ["git", "ls-files", "*.py", "*.sh", "*.yaml", "Makefile"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    named = {name for path in files for name in re.findall(r"\bJULIU_[A-Z_]*[A-Z]\b", (ROOT / path).read_text())}
    missing = sorted(name for name in named if f"`{name}`" not in PAGE)
    assert missing == []
