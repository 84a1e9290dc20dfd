"""A console for rows of numbers: on a narrow terminal the terminal breaks a line, so that no number is cut off."""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

WIDTH = 110


def table(title: str = "", caption: str = "") -> Table:
    """Without lines between columns."""
    return Table(title=title or None, title_justify="left", caption=caption or None, box=SIMPLE_HEAD, padding=(0, 1))


def show(*tables: Table) -> None:
    """Print them."""
    console = Console()
    console.width = max(console.width, WIDTH)
    for one in tables:
        console.print(one)
