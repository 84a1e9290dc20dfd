"""Every file and folder of one local stack, by name."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"  # the local stack never listens anywhere else
ETC = Path(__file__).resolve().parent / "etc"  # configuration templates
SHARE = Path(sys.prefix) / "share" / "juliu"  # what set-up fetched once for this environment (Kafka's jars)


@dataclass(frozen=True)
class Home:
    """A stack's home, `var/` of the checkout unless JULIU_HOME says otherwise."""

    path: Path

    def data(self, name: str) -> Path:
        """Data folder of one server; removing it means starting empty."""
        return self.path / "data" / name

    def run(self, name: str) -> Path:
        """Working folder of one program: written configuration, nothing worth keeping."""
        return self.path / "run" / name

    def log(self, name: str) -> Path:
        """What a program printed."""
        return self.path / "logs" / f"{name}.log"

    @property
    def ports(self) -> Path:
        """The ports chosen at the first start."""
        return self.path / "stack.json"

    @property
    def local_env(self) -> Path:
        """Addresses and generated secrets, as settings that every process reads."""
        return self.path / "local.env"

    @property
    def state(self) -> Path:
        """What runs now, written by the supervisor."""
        return self.path / "run" / "state.json"

    @property
    def wanted(self) -> Path:
        """What shall run, read by the supervisor when it starts and at SIGHUP."""
        return self.path / "run" / "wanted.json"

    @property
    def supervisor_lock(self) -> Path:
        """Held by the one supervisor of this home while it lives."""
        return self.path / "run" / "supervisor.lock"

    @property
    def command_lock(self) -> Path:
        """Held by `juliu up` and `juliu down` while they change something."""
        return self.path / "run" / "command.lock"
