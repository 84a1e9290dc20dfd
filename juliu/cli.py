"""The console command: the list of what can be typed.  A command's module is imported only when it is called."""

from __future__ import annotations

import importlib
import sys
from typing import NamedTuple

import typer

MISCONFIGURED = 78  # as infra.exits


class Command(NamedTuple):
    """`juliu NAME` is `function` (or, for commands with commands of their own, a Typer) of `module`."""

    name: str
    module: str
    function: str
    help: str


COMMANDS = (
    Command("up", "juliu.commands.stack", "up", "Start the local servers; with --all our processes too."),
    Command("down", "juliu.commands.stack", "down", "Stop processes and servers in order; data stays."),
    Command("status", "juliu.commands.stack", "status", "What runs, where, how much memory, how far behind."),
    Command("migrate", "juliu.commands.migrate", "migrate", "Make tables, topics and namespaces; repeatable."),
    Command("catalogue", "juliu.commands.catalogue", "app", "Import, publish and take down dramas."),
    Command("media", "juliu.commands.media", "app", "Hand episodes in, watch them become playable, see costs."),
    Command("token", "juliu.commands.token", "token", "Print tokens of viewers, for development."),
    Command("wallet", "juliu.commands.wallet", "app", "Give a viewer coins, show what a viewer has."),
    Command("ledger", "juliu.commands.ledger", "app", "Check that every coin is accounted for."),
    Command("api", "juliu.commands.api", "api", "Serve the API in the foreground."),
    Command("stream", "juliu.commands.stream", "app", "Run a worker: counters or store."),
    Command("relay", "juliu.commands.relay", "relay", "Tell the log what MySQL decided: outbox to Kafka."),
    Command("sql", "juliu.commands.sql", "sql", "Ask ClickHouse a question, read-only; days are Asia/Shanghai."),
    Command("verify", "juliu.commands.verify", "verify", "Compare log, ClickHouse and Redis, at the same fences."),
    Command("offsets", "juliu.commands.offsets", "offsets", "Fences beside the log: how far behind, how near its end."),
    Command("dead", "juliu.commands.dead", "app", "Dead letters: list, show, send again, allow more, put away."),
    Command("late", "juliu.commands.late", "app", "Late events: list them, or count them after all."),
    Command("archive", "juliu.commands.archive", "app", "Months of ClickHouse into files, with a manifest."),
    Command("rebuild", "juliu.commands.rebuild", "app", "Make Redis or a month of ClickHouse anew."),
    Command("logs", "juliu.commands.stack", "logs", "The end of what a server or process printed."),
    Command("train", "juliu.commands.train", "train", "Learn what people also watched, publish it for the feed."),
    Command("models", "juliu.commands.models", "app", "Trainings: list, show, back to the version before."),
    Command("evaluate", "juliu.commands.evaluate", "evaluate", "Measure every model on any watch log."),
    Command("experiment", "juliu.commands.experiment", "experiment", "Compare the arms of the feed's experiment."),
    Command("refresh", "juliu.commands.refresh", "app", "Between trainings: fold viewers in, make lists anew."),
    Command("schedule", "juliu.commands.schedule", "schedule", "Train and refresh on periods, send canaries."),
    Command("canary", "juliu.commands.canary", "canary", "Does an event still come through, and how fast?"),
    Command("demo", "juliu.commands.demo", "demo", "A real watch log in, a fed viewer out, every event counted once."),
    Command("faults", "juliu.commands.faults", "run", "Harm a separate installation under load, compare every number."),
    Command("bench", "juliu.commands.bench", "app", "Measure the running installation."),
)


def app_for(called: str | None) -> typer.Typer:
    """The command line with the module of `called` loaded, and only names and help of all others."""
    app = typer.Typer(
        name="juliu",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback(help="juliu (剧流): events in, counters, feed and recommendations out.")(_nothing)
    for command in COMMANDS:
        _add(app, command, loaded=command.name == called)
    return app


def _add(app: typer.Typer, command: Command, *, loaded: bool) -> None:
    target = getattr(importlib.import_module(command.module), command.function) if loaded else _nothing
    if isinstance(target, typer.Typer):
        app.add_typer(target, name=command.name, help=command.help)
    else:
        app.command(command.name, help=command.help)(target)


def _nothing() -> None:
    """Stands for a command that was not called."""


def main() -> None:
    """Run what was typed."""
    called = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    try:
        app_for(called)()
    except ValueError as error:
        if not (told := _wrong_settings(error)):
            raise
        typer.echo("\n".join(f"juliu: {line}" for line in told), err=True)
        sys.exit(MISCONFIGURED)


def _wrong_settings(error: ValueError) -> list[str]:
    """Which settings are wrong, without their values; empty where the error is another."""
    from pydantic import ValidationError  # noqa: PLC0415 - loaded by then, or it is none

    if not isinstance(error, ValidationError) or error.title != "Settings":
        return []
    found = error.errors(include_url=False, include_input=False, include_context=False)
    return [f"JULIU_{str(one['loc'][0]).upper()}: {one['msg']} (docs/settings.md)" for one in found]


if __name__ == "__main__":
    main()
