"""What shall run, as `juliu up` asks the supervisor by a file and SIGHUP."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from infra.local.files import write_whole
from infra.local.home import Home


@dataclass(frozen=True)
class Wanted:
    """`processes`: ours besides the servers.  `asked` grows with every request; the state repeats it."""

    processes: bool = False
    asked: int = 0


def write(home: Home, what: Wanted) -> None:
    """Replace the file."""
    write_whole(home.wanted, json.dumps(asdict(what)) + "\n")


def read(home: Home) -> Wanted:
    """What was asked last; servers only where nothing was or it cannot be read."""
    try:
        return Wanted(**json.loads(home.wanted.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return Wanted()
