"""`juliu catalogue show`, `release`: the episodes of a drama, and from when on each may be watched."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from domain.catalogue_import import MAX_EPISODES
from domain.media.orders import AT_TERMINAL
from domain.releases import BadSchedule, Wanted
from infra.catalogue import releases
from infra.catalogue.releases import Standing
from infra.catalogue.takedown import UnknownDrama
from juliu.commands.catalogue_stores import published, sentence, stores
from juliu.commands.json_option import Json
from juliu.commands.moments import iso_ms, words
from juliu.commands.trouble import FOUND_WRONG, end, told

DramaArgument = Annotated[int, typer.Argument(min=1, metavar="DRAMA", help="drama of the catalogue")]
From = Annotated[str, typer.Option("--from", help="when the first of them come: '2026-12-01 18:00' (Asia/Shanghai)")]
Every = Annotated[str, typer.Option("--every", help="when the next come: 12h, 1d, 7d, 30m later, and so on")]
AtOnce = Annotated[int, typer.Option("--episodes", min=1, max=MAX_EPISODES, help="how many at a time")]
First = Annotated[int, typer.Option("--first", min=0, help="from this episode on; else from the first not out yet")]
Now = Annotated[bool, typer.Option("--now", help="--episodes from the --first on at once, the others as they were")]
_EVERY = re.compile(r"([1-9]\d{0,5})([mhd])")
_MINUTES = {"m": 1, "h": 60, "d": 1_440}
MOST_MINUTES = 366 * 1_440


def show(drama_id: DramaArgument, json: Json = False) -> None:
    """The episodes of a drama: how long, whether there is a video, and since or from when on they may be watched."""
    with stores() as (engine, _), told("not shown"), _refused(), engine.connect() as connection:
        found = releases.standing(connection, drama_id)
    _tell(found, json=json)


def release(
    drama_id: DramaArgument,
    *,
    from_: From = "",
    every: Every = "1d",
    episodes: AtOnce = 1,
    first: First = 0,
    now: Now = False,
    recall: Annotated[bool, typer.Option("--recall", help="also where viewers lose what they may watch now")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what it would be")] = False,
    json: Json = False,
) -> None:
    """Say from when on the episodes of a drama may be watched: some --from a moment, as many --every so often.

    Sets all episodes from the --first on anew; with --now only --episodes of them.  Counts everywhere within two
    seconds.  Repeat it as often as you like.
    Exit code: 0 it is so, 1 it cannot be so (it says why), 3 a server does not answer.
    """
    now_ms = time.time_ns() // 1_000_000
    if now == bool(from_) or (now and not first):
        raise typer.BadParameter("say either --from and a moment, or --now and the --first episode that comes now")
    wanted = Wanted(first, episodes, None if now else _from_ms(from_), _every_ms(every), recall)
    with stores() as (engine, shelf):
        with told("not set: repeat this command"), _refused(), engine.begin() as connection:
            if dry_run:
                found = releases.would_be(connection, drama_id, wanted, now_ms)
            else:
                found = releases.release(connection, drama_id, wanted, AT_TERMINAL, now_ms)
        done = None if dry_run else published(engine, shelf)
    _tell(found, json=json)
    if done and not json:
        typer.echo(sentence(done))


@contextmanager
def _refused() -> Iterator[None]:
    """What cannot be so ends the command."""
    try:
        yield
    except (UnknownDrama, BadSchedule) as error:
        raise end(str(error), FOUND_WRONG) from error


def _from_ms(text: str) -> int:
    try:
        return iso_ms(text)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{text!r} is no moment as '2026-12-01 18:00' or 2026-12-01T18:00+08:00") from error


def _every_ms(text: str) -> int:
    found = _EVERY.fullmatch(text)
    minutes = int(found[1]) * _MINUTES[found[2]] if found else 0
    if not 0 < minutes <= MOST_MINUTES:
        raise typer.BadParameter(f"{text!r} is no time as 30m, 12h or 1d, of a year at most")
    return minutes * 60_000


def _tell(found: Standing, *, json: bool) -> None:
    now_ms = time.time_ns() // 1_000_000
    if json:
        told_as = {**found._asdict(), "out": found.out(now_ms), "shown": found.shown}
        typer.echo(msgspec.json.encode(told_as).decode())
        return
    console = Console()
    state = "taken down" if found.taken_down else "published" if found.published else "not published"
    console.print(f"drama {found.drama_id} 《{escape(found.title)}》: {state}", highlight=False)
    console.print(_table(found, now_ms))


def _table(found: Standing, now_ms: int) -> Table:
    out = found.out(now_ms)
    table = Table(title=f"{out} of {len(found.moments)} episodes are released", title_justify="left")
    for name in ("episode", "seconds", "video", "released"):
        table.add_column(name, justify="right" if name in ("episode", "seconds") else "left")
    for number, (ms, path, moment) in enumerate(
        zip(found.durations_ms, found.media_paths, found.moments, strict=True), 1
    ):
        when = words(moment) if moment else "at once"
        style = "" if number <= out else "yellow"
        table.add_row(str(number), f"{ms / 1000:.0f}", "yes" if path else "no", when, style=style)
    return table
