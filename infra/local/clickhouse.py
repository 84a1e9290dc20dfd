"""ClickHouse: the server inside the chdb-core wheel, in a process of its own."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import OK

from infra.local.answer import ask
from infra.local.errors import NotReady
from infra.local.filled import fill
from infra.local.home import ETC, HOST, Home
from infra.local.program import BURSTS, CLEAN_BY_DEFAULT, Kind, giving_way

_TIMEOUT_S = 1.0


@dataclass(frozen=True)
class ClickHouse:
    """One ClickHouse server with its HTTP interface on a loopback port."""

    home: Home
    port: int
    name: str = "clickhouse"
    kind: Kind = "server"
    start_within_s: float = 120.0  # it loads its tables first
    stop_within_s: float = 30.0
    clean_exits: frozenset[int] = CLEAN_BY_DEFAULT

    def prepare(self) -> None:
        """Write its configuration and users; make its folders."""
        data, run = self.home.data(self.name), self.home.run(self.name)
        for folder in ("tmp", "user_files", "format_schemas"):
            (data / folder).mkdir(parents=True, exist_ok=True)
        run.mkdir(parents=True, exist_ok=True)
        users = run / "users.xml"
        shutil.copyfile(ETC / "clickhouse-users.xml", users)
        fill("clickhouse.xml", run / "clickhouse-local.xml", port=self.port, data=data, users=users)

    def command(self) -> list[str]:
        """Our runner of the wheel's server."""
        run, data = self.home.run(self.name), self.home.data(self.name)
        ours = [sys.executable, "-m", "infra.local.clickhouse_server", str(run), str(data), str(self.port)]
        return giving_way(BURSTS, ours)

    def environment(self) -> Mapping[str, str]:
        """Nothing."""
        return {}

    def addresses(self) -> Mapping[str, str]:
        """Host and port of HTTP."""
        address = f"{HOST}:{self.port}"
        return {"address": address, "http": address}

    def probe(self) -> str:
        """Ask for the version by a query."""
        status, text = ask(self.port, "/?query=SELECT%20version()", _TIMEOUT_S)
        if status != OK:
            raise NotReady(text)
        return text
