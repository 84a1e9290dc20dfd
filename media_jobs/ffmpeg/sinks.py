"""Where a program's output goes: kept to a bound, its tail only, or line by line.  Memory is bounded in each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

TAIL = 4_000
LONGEST_LINE = 8_192


class Sink(Protocol):
    def feed(self, chunk: bytes) -> None:
        """Some more bytes; empty ones at the end, once."""


class TooMuchOutput(Exception):
    """A program said more than anybody expects of it."""


class Kept:
    """All of it.  Raises TooMuchOutput past `most` bytes."""

    def __init__(self, most: int) -> None:
        self._most, self.body = most, bytearray()

    def feed(self, chunk: bytes) -> None:
        self.body += chunk
        if len(self.body) > self._most:
            raise TooMuchOutput(f"more than {self._most} bytes")


class Tail:
    """The last TAIL bytes."""

    def __init__(self) -> None:
        self._body = b""

    def feed(self, chunk: bytes) -> None:
        self._body = (self._body + chunk)[-TAIL:]

    def text(self) -> str:
        """As text; what is no UTF-8 is replaced."""
        return self._body.decode("utf-8", "replace").strip()


class Lines:
    """Each line, without its end, to a function; what is longer than LONGEST_LINE is cut."""

    def __init__(self, told: Callable[[str], None]) -> None:
        self._told, self._rest = told, b""

    def feed(self, chunk: bytes) -> None:
        *whole, rest = (self._rest + chunk).split(b"\n")
        if not chunk and rest:
            whole, rest = [*whole, rest], b""
        self._rest = rest[:LONGEST_LINE]
        for line in whole:
            self._told(line[:LONGEST_LINE].decode("utf-8", "replace").rstrip("\r"))
