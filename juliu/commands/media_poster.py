"""`juliu media poster`: the poster candidates of an episode, and the choice of one."""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
import typer

from domain.media.orders import AT_TERMINAL
from infra.catalogue.media import UnknownEpisode
from infra.catalogue.posters import Candidates, NoCandidates, NoSuchCandidate
from infra.catalogue.shelf import RedisShelf
from infra.media.poster_desk import PosterDesk
from juliu.commands.json_option import Json
from juliu.commands.media_queue import opened
from juliu.commands.trouble import FOUND_WRONG, end


def poster(
    drama_id: Annotated[int, typer.Argument(min=1, metavar="DRAMA", help="drama of the catalogue")],
    episode_no: Annotated[int, typer.Argument(min=1, metavar="EPISODE", help="its episode")],
    number: Annotated[
        int | None, typer.Argument(min=0, max=9, metavar="[N]", help="the candidate to show; none: only list them")
    ] = None,
    json: Json = False,
) -> None:
    """The poster candidates of what an episode plays now; with N show that one from now on, within two seconds.

    Another file of the episode has other candidates: then its sharpest one is shown until somebody chooses again.
    Exit code: 0, or 1 where there is no such episode or candidate, 3 a server does not answer (repeat it).
    """
    with opened("not known to be done: repeat it") as (settings, engine, _):
        shelf = RedisShelf.of(settings)
        desk = PosterDesk(engine, shelf, lambda: time.time_ns() // 1_000_000)
        try:
            if number is not None:
                desk.choose(drama_id, episode_no, number, AT_TERMINAL)
            found = desk.candidates(drama_id, episode_no)
        except (UnknownEpisode, NoCandidates, NoSuchCandidate) as error:
            raise end(str(error), FOUND_WRONG) from error
        finally:
            shelf.close()
    _tell(drama_id, episode_no, found, json=json)


def _tell(drama_id: int, episode_no: int, found: Candidates, *, json: bool) -> None:
    if json:
        told = found._asdict() | {"candidates": [one._asdict() for one in found.candidates]}
        typer.echo(msgspec.json.encode(told).decode())
        return
    for one in found.candidates:
        shown = " (shown)" if one.number == found.chosen else ""
        typer.echo(f"{one.number}: at {one.at_ms / 1000:.1f} s, sharpness {one.sharpness:.1f}{shown}")
    why = "people chose it" if found.by_people else "the sharpest"
    typer.echo(f"/v1/posters/{drama_id}/{episode_no} shows {found.chosen}: {why}")
