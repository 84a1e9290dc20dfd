"""Writes many commands to Redis in few round trips, a bounded number in flight; any error ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

import redis
from redis.exceptions import ResponseError

AT_ONCE = 2_000  # commands in flight; a few milliseconds of Redis, which answers others in between
BYTES_AT_ONCE = 1 << 20
ANSWER_S = 30.0


class Bulk:
    """put() commands; the rest is written at the end of the with block.  One connection, for one thread.

    Packs by itself, for an eighth of what a client's pipeline costs.  `beat` is called after each round trip: what it
    raises ends the writing.  Raises redis.RedisError; what was put before may have been written.
    """

    def __init__(self, client: redis.Redis, beat: Callable[[], None] = lambda: None) -> None:
        self._pool, self._beat = client.connection_pool, beat
        self._packed: list[bytes] = []
        self._size = 0

    def __enter__(self) -> Bulk:
        self._connection: Any = self._pool.get_connection()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if kind is None:
                self.flush()
        finally:
            if kind is not None:
                self._connection.disconnect()  # answers may be on their way
            self._pool.release(self._connection)

    def put(self, *arguments: str | bytes | int) -> None:
        """One command."""
        packed = pack(arguments)
        self._packed.append(packed)
        self._size += len(packed)
        if len(self._packed) >= AT_ONCE or self._size >= BYTES_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what was put, and return when all of it is answered."""
        sent, self._packed, self._size = self._packed, [], 0
        if not sent:
            return
        self._connection.send_packed_command([b"".join(sent)], check_health=False)
        answers = [self._answer() for _ in sent]
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        self._beat()

    def _answer(self) -> Any:
        try:
            return self._connection.read_response(disconnect_on_error=True)
        except ResponseError as error:  # the answers behind it are still to be read
            return error


def pack(arguments: Iterable[str | bytes | int]) -> bytes:
    """A command as Redis reads it."""
    parts: list[bytes] = []
    for argument in arguments:
        data = argument if isinstance(argument, bytes) else str(argument).encode()
        parts.append(b"$%d\r\n%b\r\n" % (len(data), data))
    return b"*%d\r\n" % len(parts) + b"".join(parts)
