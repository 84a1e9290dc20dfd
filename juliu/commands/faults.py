"""`juliu faults`: harm done to an installation of its own, under load, and the proof that every event counted once."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from infra.local.errors import StackError
from infra.local.home import Home
from juliu.commands.json_option import Json
from juliu.commands.trouble import SERVER_TROUBLE, end
from juliu.faults import arena, page, results, sabotage
from juliu.faults.fault import Fault
from juliu.faults.matrix import NOT_DONE, faults
from juliu.faults.results import Result, Run
from juliu.faults.run import play

WRONG, NO_SUCH_FAULT = 1, 2
TABLE_WIDTH = 140  # where nobody says how wide it may be


def run(
    *,
    names: Annotated[str, typer.Argument(help="all, or names: F2,F9")] = "",
    fault: Annotated[str, typer.Option("--fault", help="the same as an option")] = "",
    seeds: Annotated[int, typer.Option(min=1, max=1_000, help="how many seeds, from --seed on")] = 1,
    seed: Annotated[int, typer.Option(min=0, help="the first seed")] = 1,
    events: Annotated[int, typer.Option(min=100, max=10_000_000, help="events of each run")] = 100_000,
    json_: Json = False,
    again: Annotated[bool, typer.Option("--again", help="also what was run with this code before")] = False,
    list_: Annotated[bool, typer.Option("--list", help="only say what there is")] = False,
    sabotage_: Annotated[bool, typer.Option("--sabotage", help="break the product; good is what is noticed")] = False,
    page_: Annotated[Path | None, typer.Option("--page", help="write the results that are there as a page")] = None,
) -> None:
    """Play faults of the matrix in an installation of their own in var/faults; nothing else is touched.

    JULIU_HOME names another folder.  Goes on where it was left: what was good with this code is not run again.
    Exit code: 0 all good, 1 something is wrong (an event lost or double, a number off by one), 2 no such fault, 3 the
    servers do not start.
    """
    if list_:
        _list()
    elif page_ is not None:
        page_.write_text(page.render(results.read(results.file())), encoding="utf-8")
    else:
        wanted = _sabotages(names) if sabotage_ else [(one, "") for one in _wanted(",".join((names, fault)))]
        _play(_runs(wanted, range(seed, seed + seeds), events), again=again, as_json=json_)


def _wanted(text: str) -> list[Fault]:
    known = faults()
    names = [name.strip().upper() for name in text.split(",") if name.strip()]
    if not names:
        raise end("which? `juliu faults all`, `juliu faults F2,F9`, or --list", NO_SUCH_FAULT)
    if "ALL" in names:
        return list(known.values())
    for name in names:
        if name not in known:
            raise end(f"{name}: {NOT_DONE.get(name, 'there is no such fault: see --list')}", NO_SUCH_FAULT)
    return [known[name] for name in dict.fromkeys(names)]


def _sabotages(text: str) -> list[tuple[Fault, str]]:
    """Each rule with the fault that must notice that it is gone."""
    names = [name.strip() for name in text.split(",") if name.strip() and name != "all"] or list(sabotage.SABOTAGES)
    if unknown := set(names) - sabotage.SABOTAGES.keys():
        raise end(f"no such rule: {', '.join(unknown)}; there are {', '.join(sabotage.SABOTAGES)}", NO_SUCH_FAULT)
    return [(_wanted(sabotage.SABOTAGES[name].caught_by)[0], name) for name in names]


def _runs(wanted: Sequence[tuple[Fault, str]], seeds: range, events: int) -> list[tuple[Fault, Run]]:
    return [
        (one, Run(one.name, seed, events, results.version(one, rule), rule)) for seed in seeds for one, rule in wanted
    ]


def _play(runs: Sequence[tuple[Fault, Run]], *, again: bool, as_json: bool) -> None:
    console = Console(stderr=True, highlight=False)
    logging.getLogger("infra.local").setLevel(logging.ERROR)  # that something was killed is no news here
    try:
        found = asyncio.run(_all(runs, again, console))
    except StackError as error:
        raise end(f"juliu faults: {error}", SERVER_TROUBLE) from error
    good = [one.good for one in found]
    if as_json:
        typer.echo(json.dumps({"ok": all(good), "results": [msgspec.to_builtins(one) for one in found]}, indent=1))
    else:
        Console(width=None if console.is_terminal else TABLE_WIDTH).print(results.table(found))
        for one in found:
            for problem in one.problems if not one.good else ():
                console.print(f"{one.fault} seed {one.seed}: {problem}", style="red", markup=False)
    if not all(good):
        raise typer.Exit(WRONG)


async def _all(runs: Sequence[tuple[Fault, Run]], again: bool, console: Console) -> list[Result]:
    known = {} if again else results.latest(results.read(results.file()))
    found = [known[run] for _, run in runs if run in known and known[run].good]
    left = [(fault, run) for fault, run in runs if run not in known or not known[run].good]
    if not left:
        return found
    folder = results.folder()
    async with arena.opened(Home(folder / "home"), console.print) as one:
        for number, (fault, run) in enumerate(left, 1):
            without = f" without {run.sabotage}" if run.sabotage else ""
            console.print(f"[bold]{number}/{len(left)} {fault.name}[/bold]{without} seed {run.seed}: {fault.title}")
            result = await play(one, fault, run, folder / f"{run.fault}-{run.seed}", console.print)
            results.append(result, folder / results.NAME)
            found.append(result)
            how = "good" if result.good else f"[red]wrong[/red]: {'; '.join(result.problems)[:500]}"
            console.print(f"  {how}, {result.seconds:.0f} s", markup=True)
    return found


def _list() -> None:
    for one in faults().values():
        typer.echo(f"{one.name:4} {one.title}")
    for name, why in NOT_DONE.items():
        typer.echo(f"{name:4} not done: {why}")
