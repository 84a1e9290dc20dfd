"""What the supervisor tells about what it runs, in a file that `juliu up`, `down` and `status` read."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Literal

from infra.local.files import write_whole
from infra.local.home import Home
from infra.local.identity import Identity

Phase = Literal["off", "preparing", "starting", "ready", "backoff", "failed", "stopped"]


@dataclass
class ProgramState:
    """One program.  `message` says what is wrong, `ready_at_s` is wall time of the last time it became ready."""

    kind: str
    phase: Phase = "off"
    process: Identity | None = None
    ready_at_s: float = 0.0
    restarts: int = 0
    version: str = ""
    message: str = ""


@dataclass
class StackState:
    """The supervisor and its programs, as they were when this was written.  `home` tells a copied folder."""

    home: str
    supervisor: Identity
    asked: int = 0  # the number of the last request (wanted.json) that it has taken up
    programs: dict[str, ProgramState] = field(default_factory=dict)

    def processes(self) -> list[Identity]:
        """Every process that was running when this was written, but for the supervisor."""
        return [program.process for program in self.programs.values() if program.process is not None]


def write(home: Home, state: StackState) -> None:
    """Replace the file."""
    write_whole(home.state, json.dumps(asdict(state), indent=1) + "\n")


def read(home: Home) -> StackState | None:
    """What the supervisor of this home wrote last; None when there is nothing or it cannot be read."""
    try:
        raw = json.loads(home.state.read_text(encoding="utf-8"))
        programs = {name: _program(program) for name, program in raw["programs"].items()}
        found = StackState(raw["home"], Identity(**raw["supervisor"]), int(raw["asked"]), programs)
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return found if found.home == str(home.path) else None


def _program(raw: dict[str, object]) -> ProgramState:
    process = raw.pop("process")
    return ProgramState(process=Identity(**process) if isinstance(process, dict) else None, **raw)  # type: ignore[arg-type]
