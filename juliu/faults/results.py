"""Results of runs: a line each in a file, so that hours of work are gone on with where they were left."""

from __future__ import annotations

import hashlib
import inspect
import os
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from rich.table import Column, Table

from infra.place import ROOT
from juliu.faults.fault import Fault

NAME = "results.jsonl"
PRODUCT = ("domain", "infra", "streams", "ingest_api", "recommender", "juliu/rebuild")
# where no number is wrong, these problems are the product's: a group stands still, a promise of the fault is broken;
# what was only not reached in time is the runner's, or nobody's
THE_PRODUCTS = re.compile(r"Restless: group |AssertionError: (?!not within )")
GOOD, BAD = "[green]ok[/green]", "[red]NO[/red]"


class Run(NamedTuple):
    """What makes two runs the same: the fault, its seed, how many events, which code, without which rule."""

    fault: str
    seed: int
    events: int
    version: str
    sabotage: str = ""


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One run.  Counts are of events; `recovery_s`: from healed until everything of before it was in both stores."""

    fault: str
    seed: int
    events: int
    version: str
    sabotage: str = ""
    sent: int = 0
    acked: int = 0
    unknown: int = 0
    rejected: int = 0
    stored: int = 0
    distinct: int = 0
    lost: int = 0
    double: int = 0
    counters_wrong: int = 0
    dead: int = 0
    recovery_s: float | None = None
    seconds: float = 0.0
    ok: bool = False
    problems: list[str] = []
    notes: dict[str, Any] = {}

    @property
    def run(self) -> Run:
        """What it is the result of."""
        return Run(self.fault, self.seed, self.events, self.version, self.sabotage)

    @property
    def noticed(self) -> bool:
        """Something is wrong, and not for the runner: a number, a promise, a group that never comes to rest."""
        counted = self.lost or self.double or self.counters_wrong
        return bool(counted) or any(THE_PRODUCTS.match(problem) for problem in self.problems)

    @property
    def good(self) -> bool:
        """Nothing is wrong; with a rule taken away: that was noticed."""
        return self.noticed if self.sabotage else self.ok


_decode = msgspec.json.Decoder(Result).decode


def folder() -> Path:
    """Where runs have their home, ledgers and results: JULIU_HOME, else var/faults."""
    return Path(os.environ.get("JULIU_HOME") or ROOT / "var" / "faults")


def file() -> Path:
    """The results of that folder."""
    return folder() / NAME


def version(fault: Fault, sabotage: str = "") -> str:
    """Which code a run is of: 12 hex digits over product and comparison, a dot, 6 over the fault (and the sabotage)."""
    own = [Path(inspect.getfile(fault.inject))]
    if sabotage:
        own.append(Path(__file__).with_name("sabotage.py"))
    return f"{_product()}.{_digits(own)[:6]}"


@cache
def _product() -> str:
    found = [path for folder in PRODUCT for path in sorted((ROOT / folder).rglob("*.*"))]
    comparison = sorted((ROOT / "juliu" / "faults").glob("*.py"))
    return _digits(
        [path for path in found if path.suffix in (".py", ".lua", ".sql")]
        + [path for path in comparison if path.name.startswith(("check", "expected"))]
    )[:12]


def _digits(of: Iterable[Path]) -> str:
    found = hashlib.sha256()
    for path in of:
        found.update(path.read_bytes())
    return found.hexdigest()


def append(result: Result, path: Path) -> None:
    """Add it to the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        file.write(msgspec.json.encode(result) + b"\n")


def read(path: Path) -> list[Result]:
    """All that is there, the oldest first.  Lines that cannot be read (cut short, of an older form) are left out."""
    found: list[Result] = []
    for line in path.read_bytes().splitlines() if path.exists() else ():
        try:
            found.append(_decode(line))
        except msgspec.DecodeError:
            continue
    return found


def latest(found: Iterable[Result]) -> dict[Run, Result]:
    """The last result of each run."""
    return {result.run: result for result in found}


def table(found: Sequence[Result]) -> Table:
    """For people."""
    names = ("sent", "acked", "unknown", "rejected", "stored", "distinct", "lost", "double", "wrong", "recovery s")
    out = Table("fault", "seed", *(Column(name, justify="right") for name in names), "", title_justify="left")
    for one in found:
        numbers = (one.sent, one.acked, one.unknown, one.rejected, one.stored, one.distinct, one.lost, one.double,
                   one.counters_wrong)  # fmt: skip
        recovery = "" if one.recovery_s is None else f"{one.recovery_s:.1f}"
        name = f"{one.fault} without {one.sabotage}" if one.sabotage else one.fault
        out.add_row(name, str(one.seed), *(f"{n:,}" for n in numbers), recovery, GOOD if one.ok else BAD)
    return out
