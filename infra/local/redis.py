"""Redis, as Debian packages it, with an append-only file."""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

import hiredis

from infra.local.errors import NotReady
from infra.local.filled import fill
from infra.local.home import HOST, Home
from infra.local.program import CLEAN_BY_DEFAULT, Kind

_TIMEOUT_S = 1.0


@dataclass(frozen=True)
class Redis:
    """One Redis server on a loopback port."""

    home: Home
    port: int
    name: str = "redis"
    kind: Kind = "server"
    start_within_s: float = 120.0  # it reads its append-only file first
    stop_within_s: float = 20.0
    clean_exits: frozenset[int] = CLEAN_BY_DEFAULT

    def prepare(self) -> None:
        """Write redis.conf."""
        self.home.data(self.name).mkdir(parents=True, exist_ok=True)
        fill("redis.conf", self.home.run(self.name) / "redis.conf", port=self.port, data=self.home.data(self.name))

    def command(self) -> list[str]:
        """The server in the foreground."""
        return ["redis-server", str(self.home.run(self.name) / "redis.conf")]

    def environment(self) -> Mapping[str, str]:
        """Nothing."""
        return {}

    def addresses(self) -> Mapping[str, str]:
        """Host and port."""
        return {"address": f"{HOST}:{self.port}"}

    def probe(self) -> str:
        """PING, which fails while it loads, then its version."""
        pong, info = ask(self.port, ("PING",), ("INFO", "server"))
        version = re.search(r"redis_version:(\S+)", str(info))
        if pong != "PONG" or version is None:
            raise NotReady(str(pong))
        return version[1]


def _packed(command: tuple[str, ...]) -> bytes:
    words = (word.encode() for word in command)
    return b"*%d\r\n" % len(command) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


def ask(port: int, *commands: tuple[str, ...]) -> list[object]:
    """The answers to a few commands, sent together; an error of the server is an answer (hiredis.ReplyError).

    The client library takes longer to import than all of `juliu status` may.  Raises NotReady when nobody answers.
    """
    reader, answers = hiredis.Reader(encoding="utf-8", errors="replace"), list[object]()
    try:
        with socket.create_connection((HOST, port), _TIMEOUT_S) as connection:
            connection.sendall(b"".join(map(_packed, commands)))
            while len(answers) < len(commands):
                answer = reader.gets()
                if answer is not False:
                    answers.append(answer)
                elif data := connection.recv(65_536):
                    reader.feed(data)
                else:
                    raise NotReady("the connection was closed")
    except (OSError, hiredis.ProtocolError) as error:
        raise NotReady(str(error)) from error
    return answers
