"""`juliu rebuild`: a store made anew from the others."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from infra import logs
from infra.settings import load
from juliu.commands.json_option import Json
from juliu.commands.rebuild_clickhouse import clickhouse
from juliu.commands.servers import answered
from juliu.commands.trouble import FOUND_WRONG, end, told
from juliu.rebuild.redis import Options, Rebuild, Report, connected
from juliu.rebuild.redis import sweep as swept
from juliu.rebuild.refused import Refused

SHOWN = 20  # differences on the screen; --json has more

app = typer.Typer(no_args_is_help=True)


@app.callback()
def rebuild() -> None:
    """A store made anew from the others."""


@app.command("redis")
def redis(
    *,
    to_namespace: Annotated[
        int, typer.Option("--to-namespace", min=0, help="number of the new namespaces; 0: any")
    ] = 0,
    no_switch: Annotated[bool, typer.Option("--no-switch", help="write and compare, but leave what is in use")] = False,
    compare: Annotated[bool, typer.Option(help="compare with what is in use, where that is whole")] = True,
    force: Annotated[bool, typer.Option("--force", help="switch although the two differ")] = False,
    accept_missing: Annotated[
        bool, typer.Option("--accept-missing", help="go on although ClickHouse lacks rows that it once had")
    ] = False,
    sweep: Annotated[bool, typer.Option("--sweep", help="only remove keys that no namespace in use holds")] = False,
    json: Json = False,
) -> None:
    """Make Redis anew from ClickHouse, beside what is in use; the workers then go on from the log.

    Safe on a live system, killed anywhere and repeated.  Also publishes the catalogue where Redis lost it.
    Exit code: 0 done (and equal, where it was compared), 1 refused or different, 3 a server does not answer.
    """
    settings = load()
    logs.setup("rebuild", settings)
    options = Options(not no_switch, compare, force, accept_missing, to_namespace, _nothing if json else typer.echo)
    try:
        with answered("not rebuilt"), told("not rebuilt"):
            if sweep:
                report = swept(settings)
            else:
                with connected(settings) as client:
                    report = Rebuild(settings, options, client).run()
    except Refused as error:
        raise end(f"refused: {error}", FOUND_WRONG) from error
    if json:
        typer.echo(msgspec.json.encode(report).decode())
    else:
        _show(report)
    if report.differences and not force:
        raise typer.Exit(FOUND_WRONG)


app.command("clickhouse")(clickhouse)


def _nothing(_line: str) -> None:
    """For programs, the report says it all."""


def _show(report: Report) -> None:
    if report.partitions:
        table = Table()
        for name in ("partition", "namespace before", "now", "both groups at", ""):
            table.add_column(name, justify="right")
        for one in report.partitions:
            was = "lost" if one.before is None else str(one.before)
            state = "in use" if one.switched else "not in use"
            table.add_row(str(one.partition), was, str(one.namespace), f"{one.fence:,}", state)
        Console().print(table)
        typer.echo(
            f"{report.events:,} events of {report.viewers:,} viewers and {report.dramas:,} dramas in {report.seconds} s"
            f" (written after {report.written_s} s); {report.compared_keys:,} keys compared,"
            f" {report.removed_keys:,} removed"
        )
    else:
        typer.echo(f"{report.removed_keys:,} keys removed")
    if report.catalogue:
        typer.echo(f"catalogue: {report.catalogue}")
    for difference in report.differences[:SHOWN]:
        typer.echo(f"- {difference}")
    if report.differences:
        typer.echo(f"{len(report.differences)} differences: what is in use stays in use, unless --force is given.")
