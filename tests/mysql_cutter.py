"""Connections to MySQL that are cut at a chosen statement, before the server has it or before its answer is back."""

from __future__ import annotations

import socket
import struct
import threading
from contextlib import suppress
from types import TracebackType

QUERY = 3  # MySQL's command byte of a statement


class Cutter:
    """Listens on `port` and passes everything on to 127.0.0.1:`server_port`, until `cut` was told to."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._at: int | None = None
        self._after = False
        self._seen = 0
        self._answered = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.statements: list[str] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, at: int, *, after: bool) -> None:
        """Cut once, at the `at`th statement from now (1: the next): `after` the server has answered it, or before."""
        self._at, self._after, self._seen = at, after, 0

    @property
    def cutting(self) -> bool:
        """Whether the cut is still to come."""
        return self._at is not None

    def __enter__(self) -> Cutter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", self._server_port))
        lost = threading.Event()  # answers are not passed on any more
        threading.Thread(target=self._answers, args=(server, client, lost), daemon=True).start()
        try:
            while packet := _packet(client):
                if self._is_due(packet):
                    self._cut(server, packet, lost)
                    return
                server.sendall(packet)
        except OSError:
            pass
        finally:
            _close(client)
            _close(server)

    def _is_due(self, packet: bytes) -> bool:
        if len(packet) < 5 or packet[3] != 0 or packet[4] != QUERY:
            return False
        self._seen += 1
        self.statements.append(packet[5:].decode("utf-8", "replace"))
        return self._seen == self._at

    def _cut(self, server: socket.socket, packet: bytes, lost: threading.Event) -> None:
        self._at = None
        if self._after:
            lost.set()
            server.sendall(packet)
            self._answered.wait(10)

    def _answers(self, server: socket.socket, client: socket.socket, lost: threading.Event) -> None:
        try:
            while answer := server.recv(65_536):
                if lost.is_set():
                    self._answered.set()
                else:
                    client.sendall(answer)
        except OSError:
            pass


def _packet(client: socket.socket) -> bytes:
    """The next whole packet of the client; empty at the end."""
    head = _exactly(client, 4)
    if len(head) < 4:
        return b""
    return head + _exactly(client, struct.unpack("<I", head[:3] + b"\0")[0])


def _exactly(client: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = client.recv(size - len(data))
        if not more:
            break
        data += more
    return data


def _close(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
    one.close()
