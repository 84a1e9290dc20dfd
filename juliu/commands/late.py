"""`juliu late list`, `replay`: events that came too late to be counted, and counting them after all."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from domain.topics import DEAD
from juliu.commands import replayed, wide
from juliu.commands.json_option import Json
from juliu.commands.moments import HELP, moment, words
from juliu.commands.servers import opened
from juliu.commands.trouble import FOUND_WRONG, end
from juliu.late.replay import LateReplayer
from juliu.late.rows import REASONS, LateCount, counts
from juliu.verify.period import Period

app = typer.Typer(no_args_is_help=True)
Since = Annotated[str, typer.Option(help=f"only what the API took since then: {HELP}")]
Until = Annotated[str, typer.Option(help="and until then")]


@app.callback()
def late() -> None:
    """Late events: list them, or count them after all."""


@app.command("list")
def list_(
    since: Since = "",
    until: Until = "",
    reason: Annotated[str, typer.Option(help="late or too_old")] = "",
    json: Json = False,
) -> None:
    """Events that were accepted and not counted, by reason and type; and how many were counted after all.

    late: received more than 7 days after it happened.  too_old: so far behind in its session that nobody can tell
    whether it was counted.
    """
    _check(reason)
    with opened("not listed") as servers:
        found = [one for one in counts(servers.clickhouse, _period(since, until)) if reason in ("", one.reason)]
    if json:
        typer.echo(msgspec.json.encode({"late": found}).decode())
    else:
        _show(found)


@app.command("replay")
def replay(
    *,
    since: Since = "",
    until: Until = "",
    reason: Annotated[str, typer.Option(help="late; too_old ones cannot be told apart, and stay")] = "late",
    everything: Annotated[bool, typer.Option("--all", help="without --since and --until: all there are")] = False,
    json: Json = False,
) -> None:
    """Count late events after all: they are sent once more without `late`, and the windows count each once.

    What is in `events` already is passed over, and so is what belongs to a session whose state has expired.  Rows get
    today's received_at and their own ts, so days that were closed change.  Repeat it as often as you like.

    Exit code: 0 all that was sent was taken, 1 refused, or something is dead or not yet known, 3 a server does not
    answer.
    """
    _check(reason)
    if reason == "too_old":
        raise end("too_old: nobody can tell them from what was counted already; they stay in late_events", FOUND_WRONG)
    if not (since or until or everything):
        raise end("say which: --since, --until, or --all", FOUND_WRONG)
    with opened("not known to be replayed: repeat it") as servers:
        done = LateReplayer(servers, DEAD.name).replay(_period(since, until), replayed.progress)
    replayed.finish(done, json)


def _check(reason: str) -> None:
    if reason not in ("", *REASONS):
        raise typer.BadParameter(f"--reason is one of {', '.join(REASONS)}")


def _period(since: str, until: str) -> Period:
    return Period(moment(since), moment(until))


def _show(found: list[LateCount]) -> None:
    if not found:
        typer.echo("No late events.")
        return
    table = wide.table(caption="counted: in `events` too, by juliu late replay or before; times are of Asia/Shanghai")
    for name in ("reason", "type", "events", "records", "counted", "oldest", "last received"):
        table.add_column(name, justify="right" if name in ("events", "records", "counted") else "left")
    for one in found:
        numbers = (f"{number:,}" for number in (one.events, one.records, one.counted))
        table.add_row(one.reason, one.type, *numbers, words(one.oldest_ms), words(one.last_ms))
    wide.show(table)
