"""`juliu stream counters|store`: the workers, in the foreground, until SIGTERM."""

from __future__ import annotations

from importlib import import_module

import typer

from infra.settings import load

app = typer.Typer(no_args_is_help=True)


@app.command()
def counters() -> None:
    """Fold events into Redis: counters, progress, history, heat."""
    import_module("streams.counters").main(load())


@app.command()
def store() -> None:
    """Store events in ClickHouse, in blocks of about a second."""
    import_module("streams.store").main(load())
