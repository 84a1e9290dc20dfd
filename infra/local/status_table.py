"""`juliu status` for people: a table."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from infra.local.report import Line

_WIDE = 160


def show(lines: list[Line]) -> None:
    """Print a row a program, and below it what is wrong."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDE)  # a pipe has no width that rows would have to be cut to
    if not lines:
        console.print("no stack here yet: type `juliu up`")
        return
    table = Table(box=None, pad_edge=False)
    for title in ("", "state", "version", "address", "pid", "memory", "up for", "restarts", "lag"):
        table.add_column(
            title, justify="right" if title in ("pid", "memory", "up for", "restarts", "lag") else "left", no_wrap=True
        )
    for line in lines:
        table.add_row(*_cells(line))
    console.print(table)
    for line in lines:
        if line.message and not line.up:
            console.print(f"{line.name}: {line.message}", style="yellow", markup=False)


def _cells(line: Line) -> list[str]:
    state = "[green]up[/green]" if line.up else f"[red]{line.phase if line.phase != 'ready' else 'silent'}[/red]"
    return [
        line.name, state, line.version or "", line.addresses.get("address", ""), str(line.pid or ""),
        f"{line.memory_bytes / 1e6:.0f} MB" if line.memory_bytes else "", _duration(line.uptime_s), str(line.restarts),
        "" if not line.has_lag else "?" if line.lag is None else f"{line.lag:,}",
    ]  # fmt: skip


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{rest} s"
