"""`juliu media drama put|tick|show|publish|replace`: a drama on WeChat, from its papers to its audit."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from sqlalchemy.engine import Engine

from domain.media.steps import Kind
from domain.media.wechat_drama import missing
from infra.media.drama_book import Standing, UnknownDrama
from infra.media.dramas import Dramas
from infra.media.job import AlreadyActive, AlreadyDone, Submission
from infra.media.queue import JobQueue
from infra.settings import Settings
from juliu.commands.json_option import Json
from juliu.commands.media_queue import opened, shown, storage_of
from juliu.commands.moments import words
from juliu.commands.trouble import FOUND_WRONG, end
from juliu.media.papers import BadDossier, handed_in, read

BAD_FILE = 2

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
    with _book("not handed in") as (settings, book, _):
        try:
            dossier = handed_in(read(file), file.parent, storage_of(settings))
        except BadDossier as error:
            raise end(shown(str(error)), BAD_FILE) from error
        book.put(dossier)
    gaps = missing(dossier)
    if json:
        typer.echo(msgspec.json.encode({"drama_id": dossier.drama_id, "missing": gaps}).decode())
    else:
        typer.echo(f"drama {dossier.drama_id} is handed in" + (", but it lacks:" if gaps else " and complete"))
        for gap in gaps:
            typer.echo(f"- {gap}")
    if gaps:
        raise typer.Exit(FOUND_WRONG)


@app.command("tick")
def tick(
    drama_id: DramaArgument,
    record_number: Annotated[str, typer.Argument(help="备案号 as the opening shows it")],
    who: Annotated[str, typer.Option(help="who has seen it there")],
) -> None:
    """Say that you have seen the record number in the opening of the drama.  Without it nothing is published.

    Exit code: 0 ticked, 1 it is another number than was handed in, 3 a server does not answer.
    """
    with _book("not ticked") as (_, book, _):
        try:
            book.tick(drama_id, record_number, who)
        except ValueError as error:
            raise end(str(error), FOUND_WRONG) from error
    typer.echo(f"drama {drama_id}: {shown(who)} has seen {shown(record_number)} in the opening")


@app.command("show")
def show(drama_id: DramaArgument, json: Json = False) -> None:
    """What was handed in, what is missing, and how the audit stands."""
    with _book("not shown") as (_, book, _):
        standing, media = book.standing(drama_id), book.media(drama_id)
    gaps = _gaps(standing)
    if json:
        told = {**standing._asdict(), "audit": standing.audit.name.lower(), "missing": gaps, "episodes": len(media)}
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


@app.command("publish")
def publish(drama_id: DramaArgument, json: Json = False) -> None:
    """Hand the whole drama in for WeChat's audit; `juliu media watch` follows it.  It cannot be withdrawn.

    Refused without its record number and a tick that the opening shows it.
    Exit code: 0 a job is active, 1 something is missing, 3 a server does not answer.
    """
    with _book("not known to be published: repeat it") as (_, book, jobs):
        standing = book.standing(drama_id)
        if gaps := _gaps(standing):
            raise end("\n".join(["Nothing is published:", *(f"- {gap}" for gap in gaps)]), FOUND_WRONG)
        job_id = _submitted(jobs, Submission(Kind.DRAMA, drama_id, 0, "", standing.dossier.title, wechat=True))
    _tell(job_id, json=json)


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
    with _book("not known to be replaced: repeat it") as (_, book, jobs):
        standing, media = book.standing(drama_id), book.media(drama_id).get(episode)
        if media is None or not media.next_media_id:
            raise end(f"WeChat has no new file of episode {episode} of drama {drama_id}", FOUND_WRONG)
        job_id = _submitted(
            jobs,
            Submission(
                Kind.REPLACEMENT, drama_id, episode, str(media.next_media_id), standing.dossier.title, wechat=True
            ),
        )
    _tell(job_id, json=json)


@contextmanager
def _book(doing: str) -> Iterator[tuple[Settings, Dramas, JobQueue]]:
    with opened(doing) as (settings, engine, jobs):
        try:
            yield settings, _dramas(engine), jobs
        except UnknownDrama as error:
            raise end(f"{error}: `juliu media drama put`", FOUND_WRONG) from error


def _dramas(engine: Engine) -> Dramas:
    return Dramas(engine, lambda: time.time_ns() // 1_000_000)


def _gaps(standing: Standing) -> list[str]:
    """What keeps it from being published."""
    number = standing.dossier.record_number
    unseen = [f"nobody has ticked that the opening shows {number or 'its record number'}: `juliu media drama tick`"]
    return [*missing(standing.dossier), *(unseen if not standing.ticked_ms else [])]


def _submitted(jobs: JobQueue, what: Submission) -> int:
    """The job that does it, the one that is active already too."""
    try:
        return jobs.submit(what)
    except AlreadyActive as error:
        return error.job_id
    except AlreadyDone as error:
        raise end(f"{error}: nothing to do", FOUND_WRONG) from error


def _tell(job_id: int, *, json: bool) -> None:
    typer.echo(
        msgspec.json.encode({"job_id": job_id}).decode() if json else f"job {job_id}: `juliu media watch {job_id}`"
    )
