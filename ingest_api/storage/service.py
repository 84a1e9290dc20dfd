"""Storage as a folder, from outside: a file goes out, or comes in whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from domain.media import storage_address
from domain.media.storage_address import Permission
from infra.media.folder import Folder
from ingest_api.errors import BodyTimeout
from ingest_api.hls.files import Served
from ingest_api.play.errors import BadAddress, NoVideo
from ingest_api.play.video import Places, Video
from ingest_api.storage.errors import StorageBusy, WrongSize
from ingest_api.threads import Threads

AT_ONCE = 4  # files that come in; each has a block in memory and a file open
BLOCK = 1 << 20
LEAST_S, SLOWEST = 60.0, 64 * 1024  # how long a file may take: so long, and this many bytes a second
PULLER = 0  # no viewer: a platform that pulls


class Storage:
    """One a process.  `root` "": there is no folder, and no address is good."""

    def __init__(self, root: str, secrets: Sequence[bytes], *, threads: Threads, now_ms: Callable[[], int]) -> None:
        self._folder = Folder(Path(root)) if root else None
        self._served = Served(root)
        self._secrets = secrets
        self._threads = threads
        self._now_ms = now_ms
        self._places = Places()
        self._coming = set[str]()

    async def get(self, permission: Permission, signature: str) -> Video:
        """The file as a response.  Raises BadAddress, NoVideo."""
        self._genuine(permission, signature)
        file = await self._threads.run(partial(self._served.find, permission.key))
        fresh_s = permission.expires_s - self._now_ms() // 1000
        kind, send_s = file.media_type, _longest_s(file.stat.st_size)
        return Video(file.path, file.stat, fresh_s, self._places, PULLER, media_type=kind, send_s=send_s)

    async def put(self, permission: Permission, signature: str, body: AsyncIterator[bytes]) -> None:
        """Keep the body under the key, on disk.  Raises BadAddress, WrongSize, BodyTimeout, StorageBusy, NoVideo."""
        self._genuine(permission, signature)
        if self._folder is None:
            raise NoVideo
        with self._place(permission.key):
            try:
                async with asyncio.timeout(_longest_s(permission.size)):
                    writing = self._folder.writing(permission.key, permission.size)
                    await self._receive(writing, body, permission.size)
            except TimeoutError as error:
                raise BodyTimeout from error

    async def _receive(self, writing: AbstractContextManager[IO[bytes]], body: AsyncIterator[bytes], size: int) -> None:
        try:
            file = await self._threads.run(writing.__enter__)
            try:
                await self._copy(file, body, size)
            except BaseException as error:
                await self._threads.run(partial(writing.__exit__, type(error), error, error.__traceback__))
                raise
            await self._threads.run(partial(writing.__exit__, None, None, None))
        except OSError as error:
            raise StorageBusy from error

    async def _copy(self, file: IO[bytes], body: AsyncIterator[bytes], size: int) -> None:
        block, left = bytearray(), size
        async for part in body:
            left -= len(part)
            if left < 0:
                raise WrongSize
            block += part
            if len(block) >= BLOCK:
                await self._threads.run(partial(file.write, bytes(block)))
                block.clear()
        if left:
            raise WrongSize
        await self._threads.run(partial(file.write, bytes(block)))

    @contextmanager
    def _place(self, key: str) -> Iterator[None]:
        """One address takes one place: whoever has it cannot keep others out."""
        if key in self._coming or len(self._coming) >= AT_ONCE:
            raise StorageBusy
        self._coming.add(key)
        try:
            yield
        finally:
            self._coming.discard(key)

    def _genuine(self, permission: Permission, signature: str) -> None:
        if not storage_address.genuine(self._secrets, permission, signature, self._now_ms() // 1000):
            raise BadAddress


def _longest_s(size: int) -> float:
    """How long a file of so many bytes may take, either way."""
    return LEAST_S + size / SLOWEST
