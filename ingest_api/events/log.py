"""The port to the log: what the API promises viewers rests on what is promised here."""

from __future__ import annotations

from typing import NamedTuple, Protocol

Headers = dict[str, str | bytes | None]


class Waiting(NamedTuple):
    """What was handed to the log and is not yet reported."""

    messages: int
    bytes: int


class Log(Protocol):
    """juliu.events, as a writer sees it."""

    async def append(self, partition: int, key: bytes, values: list[bytes]) -> None:
        """Put all of `values`, in order, into `partition`, and return when every in-sync replica has all of them.

        Raises LogUnavailable if that is not so within the ack deadline or cannot be; then any of them may be in the log
        all the same, or come into it later.  Never takes longer than the deadline, never returns on enqueue alone.
        """

    def waiting(self) -> Waiting:
        """What is on its way.  Everything that was handed over leaves it within the ack deadline, taken or failed."""

    def set_aside(self, key: bytes, value: bytes, headers: Headers) -> None:
        """Put one record into juliu.dead if that is easy.  Best effort: never raises, never waits."""

    async def check(self) -> None:
        """Ask the log whether it is there with the partitions that we expect.  Raises LogUnavailable within 3 s."""
