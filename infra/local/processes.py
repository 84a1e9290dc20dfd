"""Our own processes as the stack runs them for `juliu up --all`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import OK
from importlib.metadata import version

from infra.local.answer import ask
from infra.local.errors import Waiting
from infra.local.home import HOST, Home
from infra.local.program import CLEAN_BY_DEFAULT, Kind, giving_way

_TIMEOUT_S = 2.0


@dataclass(frozen=True)
class Process:
    """`juliu ARGUMENTS`, which answers /readyz on `port`; `group` is the consumer group whose fences tell its lag.

    With `has_outbox` its lag is the rows of MySQL's outbox that are not in the log yet.
    """

    home: Home
    name: str
    arguments: tuple[str, ...]
    port: int
    group: str = ""
    is_api: bool = False
    niceness: int = 0
    has_outbox: bool = False
    kind: Kind = "process"
    start_within_s: float = 90.0
    stop_within_s: float = 20.0  # requests in flight and the last block
    clean_exits: frozenset[int] = CLEAN_BY_DEFAULT

    def prepare(self) -> None:
        """Make its working folder, so that nothing it leaves lands in the checkout."""
        self.home.run(self.name).mkdir(parents=True, exist_ok=True)

    def command(self) -> list[str]:
        """The console command on this interpreter."""
        return giving_way(self.niceness, [sys.executable, "-m", "juliu", *self.arguments])

    def environment(self) -> Mapping[str, str]:
        """Where its metrics are; the API serves them on its own port."""
        return {"JULIU_API_PORT": str(self.port)} if self.is_api else {"JULIU_METRICS_PORT": str(self.port)}

    def addresses(self) -> Mapping[str, str]:
        """URL of its HTTP."""
        return {"address": f"http://{HOST}:{self.port}"}

    def probe(self) -> str:
        """GET /readyz, which checks what the process itself needs; Waiting where it lacks something."""
        status, text = ask(self.port, "/readyz", _TIMEOUT_S)
        if status != OK:
            raise Waiting(f"/readyz says {status}: {text}")
        return version("juliu")
