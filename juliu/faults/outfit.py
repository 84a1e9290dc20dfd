"""A program with variables that differ from life to life: a failpoint, a clock, another code tree."""

from __future__ import annotations

from collections.abc import Mapping

from infra.local.program import Kind, Program

_MODULE = "juliu"


class Outfit:
    """`program`, started with `always`, what it was `given` at its last start, and once with `fail_at`.

    `module` is started in place of the package juliu (a broken product: juliu.faults.sabotage).
    """

    def __init__(self, program: Program, always: Mapping[str, str], module: tuple[str, ...] = ()) -> None:
        self.program = program
        self.given: Mapping[str, str] = {}
        self.fail_at = ""
        self._always, self._module = always, module

    @property
    def name(self) -> str:
        """See Program."""
        return self.program.name

    @property
    def kind(self) -> Kind:
        """See Program."""
        return self.program.kind

    @property
    def start_within_s(self) -> float:
        """See Program."""
        return self.program.start_within_s

    @property
    def stop_within_s(self) -> float:
        """See Program."""
        return self.program.stop_within_s

    @property
    def clean_exits(self) -> frozenset[int]:
        """See Program."""
        return self.program.clean_exits

    def prepare(self) -> None:
        """See Program."""
        self.program.prepare()

    def command(self) -> list[str]:
        """See Program."""
        command = self.program.command()
        if not self._module or _MODULE not in command:
            return command
        at = command.index(_MODULE)
        return [*command[:at], *self._module, *command[at + 1 :]]

    def environment(self) -> Mapping[str, str]:
        """Of the life that begins now: it is asked once a start."""
        fail_at, self.fail_at = self.fail_at, ""
        failing = {"FAIL_AT": fail_at} if fail_at else {}
        return {**self.program.environment(), **self._always, **self.given, **failing}

    def addresses(self) -> Mapping[str, str]:
        """See Program."""
        return self.program.addresses()

    def probe(self) -> str:
        """See Program."""
        return self.program.probe()
