"""What the supervisor knows of something it runs: one protocol for the servers and for our own processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Protocol

Kind = Literal["server", "process"]

CLEAN_BY_DEFAULT = frozenset({0})

# Where all share the cores of one machine, a viewer's answer comes first: the API, Redis and MySQL give way to nobody.
SOON = 10  # seconds later it would be missed: the log, the counters
LATER = 15  # nobody waits for it: rows for analysts, trainings
BURSTS = 19  # ClickHouse wakes a score of threads at once for each block and merge


def giving_way(niceness: int, command: list[str]) -> list[str]:
    """The command, run so that it gives way to what runs with less niceness (0-19)."""
    return ["nice", "-n", str(niceness), *command] if niceness else command


class Program(Protocol):
    """A program that runs until it gets SIGTERM, keeps all its data in its own folder and survives kill -9."""

    @property
    def name(self) -> str:
        """Its name in `juliu status` and of its log file."""

    @property
    def kind(self) -> Kind:
        """Servers start first and stop last."""

    @property
    def start_within_s(self) -> float:
        """A start that takes longer counts as a death."""

    @property
    def stop_within_s(self) -> float:
        """After SIGTERM it has this long before SIGKILL."""

    @property
    def clean_exits(self) -> frozenset[int]:
        """Exit codes of an orderly stop."""

    def prepare(self) -> None:
        """Make folder, configuration and first data.  May be repeated, and broken off anywhere.  Raises StackError."""

    def command(self) -> list[str]:
        """The program and its arguments; the process that this starts is the program itself."""

    def environment(self) -> Mapping[str, str]:
        """Variables that it needs besides the inherited ones."""

    def addresses(self) -> Mapping[str, str]:
        """Where it answers, by what is spoken there; `address` is always among them where it listens at all."""

    def probe(self) -> str:
        """Its version, by asking what only a working one can answer.  Blocks two seconds at most.  Raises NotReady."""
