"""`juliu dead list`, `show`, `replay`, `allow`, `drop`: what could not be processed, and what to do with it."""

from __future__ import annotations

from typing import Annotated

import msgspec
import typer

from domain.topics import DEAD, EVENTS
from infra.log_reader import Entry, LogReader
from infra.settings import Settings, load
from juliu.commands import replayed
from juliu.commands.json_option import Json
from juliu.commands.moments import HELP, moment, words
from juliu.commands.servers import answered, opened
from juliu.commands.trouble import FOUND_WRONG, end
from juliu.dead import allowance, letters
from juliu.dead.allowance import LONGEST_S, MOST
from juliu.dead.letters import Case, TooMany
from juliu.dead.replay import Replayer
from juliu.dead.sending import Sender
from juliu.dead.summary import Kind, kinds, printable
from streams.dead import code_version

SHOWN = 8_192  # bytes of a letter
MOST_WORDS = 300

app = typer.Typer(no_args_is_help=True)
Reason = Annotated[str, typer.Option(help="only where the reason says this")]
Group = Annotated[str, typer.Option(help="only of this group: counters, store, api")]
Since = Annotated[str, typer.Option(help=f"only what was buried since then: {HELP}")]
Numbers = Annotated[
    list[int] | None, typer.Argument(help="numbers as `juliu dead list` tells them; else all that match")
]


@app.callback()
def dead() -> None:
    """Dead letters: list, show, send again, allow more, put away."""


@app.command("list")
def list_(reason: Reason = "", group: Group = "", since: Since = "", json: Json = False) -> None:
    """Letters by reason: how many are open, how many were replayed or dropped, and a few of each.  Reads only."""
    with answered("not listed"):
        found = kinds(_cases(load(), reason, group, since).values())
    if json:
        told = {"open": sum(kind.open for kind in found), "reasons": found}
        typer.echo(msgspec.json.encode(told).decode())
    else:
        _show_kinds(found)


@app.command("show")
def show(
    number: Annotated[int, typer.Argument(min=0, help="as `juliu dead list` tells it")], json: Json = False
) -> None:
    """One letter: what it says of itself, and its bytes; whatever could steer the terminal is escaped."""
    with answered("not shown"), LogReader(load(), DEAD.name) as reader:
        begin, last = reader.bounds(letters.PARTITION)
        entry = reader.first_record(letters.PARTITION, number, number + 1) if begin <= number < last else None
    if entry is None:
        raise end(f"there is no letter {number}: {DEAD.name} holds {begin} to {last - 1}", FOUND_WRONG)
    if json:
        typer.echo(msgspec.json.encode(_told(entry)).decode())
        return
    for name, value in _told(entry).items():
        typer.echo(f"{name}: {value}")


@app.command("replay")
def replay(
    *,
    numbers: Numbers = None,
    reason: Reason = "",
    group: Group = "",
    since: Since = "",
    again: Annotated[bool, typer.Option("--again", help="also what was replayed or dropped before")] = False,
    json: Json = False,
) -> None:
    """Send the original bytes to the same partition with the same key, wait, and say what became of each.

    The duplicate windows let a record through only in the group that missed it.  Mend and start the workers first: it
    ends as soon as most are dead again.  Repeat it as often as you like.

    Exit code: 0 all that was sent was taken, 1 something is dead again or not yet known, 3 a server does not answer.
    """
    with opened("not known to be replayed: repeat it") as servers:
        found = _chosen(_cases(servers.settings, reason, group, since), numbers)
        done = Replayer(servers, DEAD.name, code_version()).replay(found, again, replayed.progress)
    replayed.finish(done, json)


@app.command("allow")
def allow(
    letters_: Annotated[int, typer.Argument(metavar="LETTERS", min=0, max=MOST, help="above the budget; 0: none")],
    hours: Annotated[float, typer.Option(min=0.1, max=LONGEST_S / 3_600, help="for how long")] = 1.0,
    group: Annotated[str, typer.Option(help="counters or store; else both")] = "",
    json: Json = False,
) -> None:
    """Let workers that ended with 73 bury so many letters more: the records were looked at, and no code can read them.

    After a deploy, roll back instead.  Exit code: 0 allowed, 1 no such group, 3 a server does not answer.
    """
    with opened("not allowed") as servers:
        try:
            groups = allowance.allow(servers.redis, letters_, int(hours * 3_600), group)
        except ValueError as error:
            raise end(str(error), FOUND_WRONG) from error
    told = {"letters": letters_, "hours": hours, "groups": groups}
    typer.echo(
        msgspec.json.encode(told).decode() if json else f"{letters_:,} more for {', '.join(groups)}, {hours:g} h"
    )


@app.command("drop")
def drop(
    *,
    why: Annotated[str, typer.Option(help="for whoever asks later")],
    numbers: Numbers = None,
    reason: Reason = "",
    group: Group = "",
    since: Since = "",
    everything: Annotated[bool, typer.Option("--all", help="every open letter")] = False,
    json: Json = False,
) -> None:
    """Put open letters away: nothing is deleted, they are just not open any more.  Repeat it as often as you like."""
    if not (numbers or reason or group or since or everything):
        raise end("say which: numbers, --reason, --group, --since, or --all", FOUND_WRONG)
    with opened("not known to be dropped: repeat it") as servers:
        found = letters.open_cases({c.ref: c for c in _chosen(_cases(servers.settings, reason, group, since), numbers)})
        Sender(servers, DEAD.name).settle([(case, None) for case in found], "dropped", why, code_version())
    typer.echo(msgspec.json.encode({"dropped": len(found)}).decode() if json else f"{len(found):,} dropped")


def _cases(settings: Settings, reason: str, group: str, since: str) -> dict[str, Case]:
    """What matches.  Ends the command where that is too much."""
    since_ms = moment(since)
    with LogReader(settings, DEAD.name) as reader:
        try:
            return letters.cases(letters.entries(reader, since_ms), group, reason)
        except TooMany as error:
            raise end(str(error), FOUND_WRONG) from error


def _chosen(cases: dict[str, Case], numbers: list[int] | None) -> list[Case]:
    """All, or those with a letter of one of these numbers."""
    if not numbers:
        return list(cases.values())
    wanted = set(numbers)
    found = [case for case in cases.values() if wanted & {letter.number for letter in case.letters}]
    missing = wanted - {letter.number for case in found for letter in case.letters}
    if missing:
        raise end(f"no such letters: {', '.join(map(str, sorted(missing)))}", FOUND_WRONG)
    return found


def _told(entry: Entry) -> dict[str, str]:
    """What a letter says, safe to print."""
    headers = {name: printable(value or b"", SHOWN) for name, value in entry.headers}
    key = printable(entry.key or b"", SHOWN)
    own = {"number": str(entry.offset), "at": words(entry.timestamp), "key": key}
    return own | headers | {"bytes": printable(entry.value or b"", SHOWN)}


def _show_kinds(found: list[Kind]) -> None:
    if not found:
        typer.echo(f"No dead letters; events come from {EVENTS.name}.")
        return
    for kind in found:
        state = f"{kind.open:,} open, {kind.replayed:,} replayed, {kind.dropped:,} dropped"
        typer.echo(f"{_safe(kind.reason)} ({_safe(kind.groups)}): {state}")
        code = _safe(", ".join(kind.code))
        typer.echo(f"    from {words(kind.first_ms)} to {words(kind.last_ms)}, buried by code {code}")
        for sample in kind.samples:
            typer.echo(f"    number {sample.number}: {_safe(sample.ref)}: {_safe(sample.reason)}")
    typer.echo("`juliu dead show NUMBER` prints one; times are of Asia/Shanghai")


def _safe(text: str) -> str:
    """What a header says, for a terminal."""
    return printable(text.encode(), MOST_WORDS)
