"""TCP proxies in this process between our processes and their servers: cut, slow, half-open, or deaf to answers.

    link = Link(); door = await link.open(listen_port, server_port); link.cut(); ...; link.heal(); await link.close()

A link may have several doors (one a broker); what is done to it is done to all of them, also to what is connected.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Protocol

from infra.local.home import HOST

CHUNK = 65_536
PENDING_BYTES = 1 << 20  # on the way in a slow link; past it the sender is not read
CONNECT_S = 5.0
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER that makes a close a reset


class Trouble(Protocol):
    """What can be done to the way to a server, or to several that are troubled alike."""

    @property
    def resets(self) -> int:
        """Connections that reset_after has reset."""

    @property
    def lost(self) -> int:
        """Answers that were swallowed."""

    def cut(self) -> None:
        """Reset every connection, and each new one."""

    def heal(self) -> None:
        """As if nothing had been done; what a hanging link held back flows on."""

    def delay(self, ms: float, jitter_ms: float = 0.0) -> None:
        """Each chunk takes so long in each direction; their order stays."""

    def throttle(self, bytes_per_s: float) -> None:
        """In each direction of each connection, in slices of a tenth of a second."""

    def reset_after(self, n_bytes: int) -> None:
        """Reset the connection that sends a link's n-th byte from now on, once."""

    def lose_answers(self, matching: bytes, n: int) -> None:
        """The next `n` requests that contain this are carried out; instead of the answer comes a reset."""

    def hang(self) -> None:
        """Half-open: connections are held and accepted, and nothing flows either way."""


class Link:
    """How one client finds one server: a Trouble that can be switched to another port as well.

    All of it may be changed while connections are open.
    """

    def __init__(self, rnd: random.Random | None = None) -> None:
        self.rnd = rnd or random.Random(1)  # noqa: S311 - jitter
        self.doors: list[Door] = []
        self.connections = self.resets = self.lost = 0  # opened; reset by reset_after; answers that were swallowed
        self.heal()

    async def open(self, port: int, target: int) -> Door:
        """Listen on `port` for whoever wants `target`."""
        door = Door(self, target)
        await door.open(port)
        self.doors.append(door)
        return door

    def renew(self, target: int) -> None:
        """As right after it was opened, and leading to `target`."""
        self.switch(target)
        self.heal()
        self.connections = self.resets = self.lost = 0

    async def close(self) -> None:
        """Stop listening, drop every connection."""
        self.heal()
        for door in self.doors:
            await door.close()
        self.doors.clear()

    # -- what is done to it --------------------------------------------------------------------------------------------

    def cut(self) -> None:
        """See Trouble."""
        self.is_cut = True
        for door in self.doors:
            door.reset()

    def heal(self) -> None:
        """See Trouble."""
        self.is_cut = False
        self.delay_ms, self.jitter_ms, self.rate, self.chunk = 0.0, 0.0, 0.0, CHUNK
        self.reset_in = -1
        self.deaf_to, self.deaf_left = b"", 0
        self.flows = asyncio.Event()
        self.flows.set()
        for door in self.doors:
            door.flow()

    def delay(self, ms: float, jitter_ms: float = 0.0) -> None:
        """See Trouble."""
        self.delay_ms, self.jitter_ms = ms, jitter_ms

    def throttle(self, bytes_per_s: float) -> None:
        """See Trouble."""
        self.rate, self.chunk = bytes_per_s, max(1, min(CHUNK, int(bytes_per_s / 10)))

    def reset_after(self, n_bytes: int) -> None:
        """See Trouble."""
        self.reset_in = n_bytes

    def lose_answers(self, matching: bytes, n: int) -> None:
        """See Trouble."""
        self.deaf_to, self.deaf_left = matching, n

    def hang(self) -> None:
        """See Trouble."""
        self.flows.clear()

    def switch(self, target: int) -> None:
        """New connections go to another port; those that are open are reset (a failover)."""
        for door in self.doors:
            door.target = target
            door.reset()


class Door:
    """One listening port of a link, and what came in there."""

    def __init__(self, link: Link, target: int) -> None:
        self.target = target
        self._link = link
        self._server: asyncio.Server | None = None
        self._pairs: set[Pair] = set()

    async def open(self, port: int) -> None:
        """Listen; 0 is any port that is free."""
        self._server = await asyncio.start_server(self._come_in, HOST, port, limit=CHUNK)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening, drop what is connected."""
        if self._server is not None:
            self._server.close()
        self.reset()
        for pair in list(self._pairs):
            await pair.ended.wait()

    def reset(self) -> None:
        """Reset what is connected."""
        for pair in list(self._pairs):
            pair.reset()

    def flow(self) -> None:
        """What waited for the link to flow looks again."""
        for pair in list(self._pairs):
            pair.woken.set()

    async def _come_in(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._link.connections += 1
        pair = Pair(self._link, writer)
        self._pairs.add(pair)
        try:
            if self._link.is_cut:
                pair.reset()
            else:
                await pair.carry(reader, self.target)
        finally:
            pair.reset()
            self._pairs.discard(pair)
            pair.ended.set()


class Pair:
    """A client's connection and the one made for it to the server."""

    def __init__(self, link: Link, client: asyncio.StreamWriter) -> None:
        self.woken, self.ended = asyncio.Event(), asyncio.Event()
        self._link, self._client = link, client
        self._server: asyncio.StreamWriter | None = None
        self._doomed = self._gone = False

    def reset(self) -> None:
        """End both sides hard."""
        self._gone = True
        self.woken.set()
        for writer in (self._client, self._server):
            if writer is not None and not writer.transport.is_closing():
                made: socket.socket | None = writer.get_extra_info("socket")
                if made is not None:
                    with contextlib.suppress(OSError):
                        made.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                writer.transport.abort()

    async def carry(self, reader: asyncio.StreamReader, target: int) -> None:
        """Until both directions have ended, or it is reset."""
        await self._flowing()
        try:
            async with asyncio.timeout(CONNECT_S):
                answers, self._server = await asyncio.open_connection(HOST, target, limit=CHUNK)
        except (OSError, TimeoutError):
            return
        await asyncio.gather(
            self._pump(reader, self._server, self._request), self._pump(answers, self._client, self._answer)
        )

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, passes: Callable[[bytes], bool]
    ) -> None:
        """One direction.  `passes` is told of each chunk and may end the connection."""
        line = _Line(writer)
        try:
            while data := await reader.read(self._link.chunk):
                await self._flowing()
                if self._gone or not passes(data):
                    return
                await self._slowly(line, data)
            await line.end()
        except (OSError, RuntimeError):  # RuntimeError: written to a transport that was just closed
            self.reset()

    async def _slowly(self, line: _Line, data: bytes) -> None:
        link = self._link
        if link.rate:
            await asyncio.sleep(len(data) / link.rate)
        late_s = max(0.0, link.delay_ms + link.rnd.uniform(-link.jitter_ms, link.jitter_ms)) / 1000
        await line.put(data, late_s)

    async def _flowing(self) -> None:
        while not self._link.flows.is_set() and not self._gone:
            self.woken.clear()
            await self.woken.wait()

    def _request(self, data: bytes) -> bool:
        link = self._link
        if link.deaf_left and link.deaf_to in data and not self._doomed:
            self._doomed = True
            link.deaf_left -= 1
        if link.reset_in < 0:
            return True
        link.reset_in -= len(data)
        if link.reset_in >= 0:
            return True
        link.reset_in = -1
        link.resets += 1
        self.reset()
        return False

    def _answer(self, _data: bytes) -> bool:
        if self._doomed:
            self._link.lost += 1
            self.reset()
        return not self._doomed


class _Line:
    """The far end of one direction: chunks leave it in order, each when it is due."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._due = 0.0
        self._chunks: deque[bytes] = deque()
        self._pending = 0
        self._room = asyncio.Event()

    async def put(self, data: bytes, late_s: float) -> None:
        """Send it after `late_s`, and never before what was put earlier."""
        loop = asyncio.get_running_loop()
        if not self._pending and late_s <= 0.0:
            self._writer.write(data)
            await self._writer.drain()
            return
        self._due = max(self._due, loop.time() + late_s)
        self._pending += len(data)
        self._chunks.append(data)
        loop.call_at(self._due, self._leave)  # which of two that are due at once comes first is all the same
        await self._below(PENDING_BYTES)

    async def end(self) -> None:
        """Tell the far end, once everything has left."""
        await self._below(0)
        if self._writer.can_write_eof():
            self._writer.write_eof()

    def _leave(self) -> None:
        data = self._chunks.popleft()
        self._pending -= len(data)
        self._room.set()
        if not self._writer.transport.is_closing():
            self._writer.write(data)

    async def _below(self, bytes_: int) -> None:
        while self._pending > bytes_ and not self._writer.transport.is_closing():
            self._room.clear()
            await self._room.wait()
