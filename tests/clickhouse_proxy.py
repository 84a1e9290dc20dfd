"""A TCP proxy before ClickHouse that swallows chosen answers: the insert landed, the worker does not hear of it."""

from __future__ import annotations

import asyncio
import threading
from types import TracebackType


class ClickHouseProxy:
    """In a thread of its own; a context manager."""

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._what = b""
        self.lost = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        """What the worker is told."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def lost_all(self) -> bool:
        """No answer is waited for."""
        return not self._what

    def lose_answer_of(self, what: bytes) -> None:
        """Of the next request whose first line has `what` in it."""
        self._what = what

    def __enter__(self) -> ClickHouseProxy:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._client, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        open_ = asyncio.all_tasks(self._loop)
        for task in open_:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*open_, return_exceptions=True))
        self._loop.close()

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            above, below = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            writer.close()
            return
        doomed = asyncio.Event()
        await asyncio.gather(self._requests(reader, below, doomed), self._answers(above, writer, doomed))

    async def _requests(self, reader: asyncio.StreamReader, below: asyncio.StreamWriter, doomed: asyncio.Event) -> None:
        while data := await self._read(reader):
            if self._what and data.startswith(b"POST ") and self._what in data.split(b"\r\n", 1)[0]:
                doomed.set()
            below.write(data)
        below.close()

    async def _answers(self, above: asyncio.StreamReader, writer: asyncio.StreamWriter, doomed: asyncio.Event) -> None:
        while data := await self._read(above):
            if doomed.is_set() and data.startswith(b"HTTP/1.1 200"):
                self._what = b""
                self.lost += 1
                break
            writer.write(data)
        writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.read(65_536)
        except OSError:
            return b""
