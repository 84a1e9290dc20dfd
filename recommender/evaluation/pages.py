"""A page of numbers that needs nothing else: its frame, its tables, a number with how sure it is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 75rem; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: .5rem 0 1.5rem; font-variant-numeric: tabular-nums }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid #ddd; vertical-align: top }
th:first-child, td:first-child { text-align: left }
tr.best td { background: #eef6ee; font-weight: 600 }
small { color: #777; font-weight: 400; display: block }
.wide { overflow-x: auto }
.words th, .words td { text-align: left }
svg { max-width: 100%; height: auto }
"""
NOTHING = "–"


def html(title: str, body: Iterable[str]) -> str:
    """The whole page; `body` is HTML already."""
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{STYLE}</style>'
    return f'<!doctype html>\n<html lang="en"><head>{head}</head>\n<body>\n' + "\n".join(body) + "\n</body></html>\n"


def table(head: Sequence[str], rows: Iterable[tuple[bool, Sequence[str]]], *, words: bool = False) -> str:
    """Cells are HTML already; a row may be the best one; cells of words stand to the left."""
    lines = ["<tr>" + "".join(f"<th>{escape(each)}</th>" for each in head) + "</tr>"]
    for is_best, cells in rows:
        lines.append(f"<tr{' class=best' * is_best}>" + "".join(f"<td>{each}</td>" for each in cells) + "</tr>")
    return f'<div class="wide{" words" * words}"><table>' + "\n".join(lines) + "</table></div>"


def number(value: float | None, interval: tuple[float, float] | None) -> str:
    """With the ends of its interval below it."""
    if value is None:
        return NOTHING
    return f"{value:.4f}" + (f"<small>{interval[0]:.4f}–{interval[1]:.4f}</small>" if interval else "")
