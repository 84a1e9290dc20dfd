"""`juliu media drama put|number|tick|show|list|publish|replace`: a drama on WeChat, from its papers to its audit."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from domain.media.orders import AT_TERMINAL, By, Surface
from domain.media.wechat_drama import Audit, missing
from infra.media.drama_book import MAX_LISTED, Media, UnknownDrama
from infra.media.drama_desk import Begun, DramaDesk, DramaView, Incomplete, NothingToReplace
from infra.media.dramas import Dramas
from infra.media.job import AlreadyActive
from infra.settings import Settings
from juliu.commands.json_option import Json
from juliu.commands.media_queue import opened, shown, storage_of
from juliu.commands.moments import words
from juliu.commands.trouble import FOUND_WRONG, end
from juliu.media.papers import handed_in, read

BAD_FILE = 2  # exit code: what was typed, or a file, cannot be so
AUDITS = tuple(audit.name.lower() for audit in Audit)

app = typer.Typer(no_args_is_help=True)
DramaArgument = Annotated[int, typer.Argument(min=1, metavar="DRAMA", help="drama of the catalogue")]


@app.callback()
def drama() -> None:
    """A drama on WeChat: hand its papers in, tick its record number, publish it, replace an episode."""


@app.command("put")
def put(
    file: Annotated[Path, typer.Argument(help="JSON (docs/media.md); papers are paths relative to its folder")],
    json: Json = False,
) -> None:
    """Hand a drama's papers in, or mend them.  A changed record number takes its tick away.

    Exit code: 0 complete, 1 it is kept, but something is missing (it says what), 2 the file or a paper cannot be read,
    3 a server does not answer.
    """
    with _desk("not handed in") as (settings, desk):
        try:
            view = desk.put(handed_in(read(file), file.parent, storage_of(settings)), AT_TERMINAL)
        except ValueError as error:
            raise end(shown(str(error)), BAD_FILE) from error
    gaps = missing(view.standing.dossier)
    drama_id = view.standing.dossier.drama_id
    if json:
        typer.echo(msgspec.json.encode({"drama_id": drama_id, "missing": gaps}).decode())
    else:
        typer.echo(f"drama {drama_id} is handed in" + (", but it lacks:" if gaps else " and complete"))
        for gap in gaps:
            typer.echo(f"- {gap}")
    if gaps:
        raise typer.Exit(FOUND_WRONG)


@app.command("number")
def number(
    drama_id: DramaArgument,
    record_number: Annotated[str, typer.Argument(help="备案号, as the regulator gave it")],
) -> None:
    """Mend the record number alone.  Another one takes the tick away: somebody has to look at the opening again.

    Exit code: 0 it is that one, 1 it can be none or nothing was handed in, 3 a server does not answer.
    """
    with _desk("not changed") as (_, desk):
        try:
            view = desk.number(drama_id, record_number, AT_TERMINAL)
        except ValueError as error:
            raise end(str(error), FOUND_WRONG) from error
    seen = f"ticked by {shown(view.standing.ticked_by)}" if view.standing.ticked_ms else "not ticked"
    typer.echo(f"drama {drama_id}: record number {shown(record_number)}, {seen}")


@app.command("tick")
def tick(
    drama_id: DramaArgument,
    record_number: Annotated[str, typer.Argument(help="备案号 as the opening shows it")],
    who: Annotated[str, typer.Option(help="who has seen it there")],
) -> None:
    """Say that you have seen the record number in the opening of the drama.  Without it nothing is published.

    Exit code: 0 ticked, 1 it is another number than was handed in, 3 a server does not answer.
    """
    with _desk("not ticked") as (_, desk):
        try:
            ticked_by = desk.tick(drama_id, record_number, By(Surface.CLI, who)).standing.ticked_by
        except ValueError as error:
            raise end(str(error), FOUND_WRONG) from error
    typer.echo(f"drama {drama_id}: {shown(ticked_by)} has seen {shown(record_number)} in the opening")


@app.command("show")
def show(drama_id: DramaArgument, json: Json = False) -> None:
    """What was handed in, what is missing, how the audit stands, and from when on each episode may be watched."""
    with _desk("not shown") as (_, desk):
        standing, media, gaps, releases = desk.view(drama_id)
    if json:
        told = {**standing._asdict(), "audit": standing.audit.name.lower(), "missing": gaps, "episodes": len(media)}
        told["releases"] = list(releases)
        typer.echo(msgspec.json.encode(told).decode())
        return
    typer.echo(f"drama {drama_id} 《{shown(standing.dossier.title)}》: audit {standing.audit.name.lower()}")
    typer.echo(f"record number {shown(standing.dossier.record_number) or 'none'}, {len(media):,} episodes at WeChat")
    if standing.audit_note:
        typer.echo(shown(standing.audit_note))
    if standing.submitted_ms:
        typer.echo(f"submitted {words(standing.submitted_ms)} as {standing.platform_id}")
    for gap in gaps:
        typer.echo(f"- {gap}")
    Console().print(_episodes(media, releases))


@app.command("list")
def list_(
    *,
    audit: Annotated[str, typer.Option(help=f"only those that stand so: {', '.join(AUDITS)}")] = "",
    after: Annotated[int, typer.Option(min=0, help="only those above this number: the next page")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=MAX_LISTED, help="at most so many")] = 50,
    json: Json = False,
) -> None:
    """Dramas that something was handed in for, by number, and what each lacks.

    Exit code: 0, or 2 where --audit is no state, 3 a server does not answer.
    """
    if audit and audit not in AUDITS:
        raise end(f"--audit is one of {', '.join(AUDITS)}", BAD_FILE)
    with _desk("not listed") as (_, desk):
        views = desk.page(Audit[audit.upper()] if audit else None, after, limit)
    if json:
        typer.echo(msgspec.json.encode({"dramas": [_line(view) for view in views]}).decode())
        return
    for view in views:
        line = _line(view)
        state = f"lacks {len(view.missing)}" if view.missing else "complete"
        typer.echo(f"{line['drama_id']} 《{shown(line['title'])}》: audit {line['audit']}, {state}")


@app.command("publish")
def publish(drama_id: DramaArgument, json: Json = False) -> None:
    """Hand the whole drama in for WeChat's audit; `juliu media watch` follows it.  It cannot be withdrawn.

    Refused without its record number and a tick that the opening shows it.
    Exit code: 0 a job is active, 1 something is missing, 3 a server does not answer.
    """
    with _desk("not known to be published: repeat it") as (_, desk):
        try:
            begun = desk.publish(drama_id, AT_TERMINAL)
        except Incomplete as error:
            lacks = "".join(f"\n- {gap}" for gap in error.missing)
            raise end(f"Nothing is published:{lacks}", FOUND_WRONG) from error
    _tell(begun, json=json)


@app.command("replace")
def replace(
    drama_id: DramaArgument,
    episode: Annotated[int, typer.Argument(min=1, metavar="EPISODE", help="one whose new file WeChat has")],
    json: Json = False,
) -> None:
    """Put the new file of an episode into a drama that plays: hand it in with `juliu media submit --wechat` before.

    WeChat audits it; until then the old one plays.
    Exit code: 0 a job is active, 1 there is nothing to replace, 3 a server does not answer.
    """
    with _desk("not known to be replaced: repeat it") as (_, desk):
        try:
            begun = desk.replace(drama_id, episode, AT_TERMINAL)
        except (NothingToReplace, AlreadyActive) as error:
            raise end(str(error), FOUND_WRONG) from error
    _tell(begun, json=json)


@contextmanager
def _desk(doing: str) -> Iterator[tuple[Settings, DramaDesk]]:
    with opened(doing) as (settings, engine, jobs):
        try:
            yield settings, DramaDesk(Dramas(engine, lambda: time.time_ns() // 1_000_000), jobs)
        except UnknownDrama as error:
            raise end(f"{error}: `juliu media drama put`", FOUND_WRONG) from error


def _episodes(media: Mapping[int, Media], releases: Sequence[int]) -> Table:
    """An episode a row."""
    table = Table()
    for name in ("episode", "at WeChat", "released"):
        table.add_column(name, justify="left" if name == "released" else "right")
    for number, moment in enumerate(releases, 1):
        theirs = str(media[number].media_id) if number in media else ""
        table.add_row(str(number), theirs, words(moment) if moment else "at once")
    return table


def _line(view: DramaView) -> dict[str, Any]:
    its = view.standing
    return {
        "drama_id": its.dossier.drama_id, "title": its.dossier.title, "record_number": its.dossier.record_number,
        "ticked_by": its.ticked_by, "audit": its.audit.name.lower(), "missing": view.missing,
    }  # fmt: skip


def _tell(begun: Begun, *, json: bool) -> None:
    told = f"job {begun.job_id}: `juliu media watch {begun.job_id}`"
    typer.echo(msgspec.json.encode({"job_id": begun.job_id}).decode() if json else told)
