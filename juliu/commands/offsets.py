"""`juliu offsets`: fences beside the log's ends, how old what waits is, how near retention."""

from __future__ import annotations

import msgspec
import typer

from juliu.commands import wide
from juliu.commands.json_option import Json
from juliu.commands.servers import opened
from juliu.commands.trouble import FOUND_WRONG
from juliu.verify.offsets import Offset, gather


def offsets(json: Json = False) -> None:
    """Where each partition of each group stands in the log.  Reads only; safe at any time.

    Exit code: 0 all fences are sound, 1 one is missing, broken, outside the log or ahead of ClickHouse, 3 a server
    does not answer.
    """
    with opened("offsets not known") as servers:
        found = gather(servers)
    if json:
        told = {"ok": not any(one.wrong for one in found), "offsets": msgspec.to_builtins(found)}
        typer.echo(msgspec.json.encode(told).decode())
    else:
        _show(found)
    if any(one.wrong for one in found):
        raise typer.Exit(FOUND_WRONG)


def _show(found: list[Offset]) -> None:
    table = wide.table(caption="room: records, and time at least, before the log drops what is needed")
    for name in ("p", "group", "ns", "fence", "log", "behind", "oldest event", "room", "", "blocks"):
        table.add_column(name, justify="left" if name == "group" else "right")
    for one in found:
        table.add_row(
            str(one.partition), one.group, str(one.namespace or ""), "none" if one.fence is None else str(one.fence),
            f"{one.begin}..{one.end}", _number(one.behind), _span(one.oldest_s),
            _number(one.room), _span(one.room_s), _number(one.blocks),
        )  # fmt: skip
    wide.show(table)
    for one in found:
        for wrong in one.wrong:
            typer.echo(f"- partition {one.partition}, {one.group}: {wrong}")


def _number(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _span(seconds: float | None) -> str:
    """A length of time as people say it."""
    if seconds is None:
        return ""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if abs(seconds) >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"
