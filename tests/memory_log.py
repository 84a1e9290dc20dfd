"""The memory twin of ingest_api.events.log.Log."""

from __future__ import annotations

from ingest_api.errors import LogUnavailable
from ingest_api.events.log import Headers, Waiting


class MemoryLog:
    """Keeps the promise as long as `up`; holds what it was given for whoever looks."""

    def __init__(self, partitions: int) -> None:
        self.partitions: list[list[tuple[bytes, bytes]]] = [[] for _ in range(partitions)]
        self.aside: list[tuple[bytes, bytes, Headers]] = []
        self.up = True
        self.stuck = Waiting(0, 0)

    async def append(self, partition: int, key: bytes, values: list[bytes]) -> None:
        if not self.up or not 0 <= partition < len(self.partitions):
            raise LogUnavailable
        self.partitions[partition].extend((key, value) for value in values)

    def waiting(self) -> Waiting:
        return self.stuck

    def set_aside(self, key: bytes, value: bytes, headers: Headers) -> None:
        if self.up:
            self.aside.append((key, value, headers))

    async def check(self) -> None:
        if not self.up:
            raise LogUnavailable
