"""Pages of trainings as files: the latest stay."""

from __future__ import annotations

from pathlib import Path

from recommender.training.registry import Entry

KEPT = 20  # of an hourly schedule: the last day nearly; numbers of all are in the registry for years


def place(folder: Path, entry: Entry) -> Path:
    """Where the page of a training goes."""
    return folder / f"train-{entry.version or f'{entry.as_of_ms}-{entry.decision}-{entry.at_ms}'}.html"


def put(path: Path, page: str) -> None:
    """Whole or not at all.  Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.write_text(page, encoding="utf-8")
    unfinished.replace(path)


def clear_up(folder: Path) -> None:
    """Take all pages away but the latest.  Raises OSError."""
    pages = sorted(folder.glob("train-*.html"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in pages[KEPT:]:
        path.unlink(missing_ok=True)
