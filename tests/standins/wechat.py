"""A WeChat on loopback: stable_token, temporary materials and wxa/sec/vod, as badly behaved as `Traits` asks for.

with serving(Account(traits=Traits(no_answer=0.1))) as server:
    server.base  # http://127.0.0.1:<port>
"""

from __future__ import annotations

import email.parser
import email.policy
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.standins.wechat_calls import CALLS, Answer, No
from tests.standins.wechat_chaos import Cut, Tell, answered
from tests.standins.wechat_state import Account

VOD = "/wxa/sec/vod/"
MAX_BODY = 12 << 20


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Who calls is killed now and then."""


class Server:
    """Where it listens, and whom it tells events (`push`; it may raise: nobody sends again)."""

    def __init__(self, account: Account, push: Callable[[Answer], None] | None) -> None:
        self.account, self.push = account, push
        self._seen: deque[float] = deque()
        self._http = _Quiet(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.base = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(10)

    def answer(self, path: str, query: dict[str, str], body: bytes, kind: str) -> Answer:
        """One call, with whatever goes wrong.  Raises Cut."""
        name = path.removeprefix(VOD) if path.startswith(VOD) else path.rpartition("/")[2]
        return answered(self.account, name, lambda tell: self._asked(path, name, query, body, kind, tell), self.push)

    def _asked(self, path: str, name: str, query: dict[str, str], body: bytes, kind: str, tell: Tell) -> Answer:
        try:
            if path == "/cgi-bin/stable_token":
                return self._token(json.loads(body))
            self._allowed(query)
            if path == "/cgi-bin/media/upload":
                return self._material(body, kind)
            if name not in CALLS:
                raise No(40066, "invalid url")
            if b"\\u" in body:
                raise No(10090019, "请使用utf-8编码")
            return {"errcode": 0, "errmsg": "ok", **CALLS[name](self.account, json.loads(body), tell)}
        except No as no:
            return {"errcode": no.code, "errmsg": no.message}
        except (KeyError, ValueError, TypeError):
            return {"errcode": 47001, "errmsg": "data format error"}

    def _token(self, body: dict[str, Any]) -> Answer:
        account = self.account
        if body["appid"] != account.appid:
            raise No(40013, "invalid appid")
        if body["secret"] != account.secret:
            raise No(40125, "invalid appsecret")
        if not account.tokens or body.get("force_refresh"):
            account.tokens.append(f"token-{account.number()}")
        return {"access_token": account.tokens[-1], "expires_in": 7_200}

    def _allowed(self, query: dict[str, str]) -> None:
        token = query.get("access_token")
        if token not in self.account.tokens[-2:] or token in self.account.bad_tokens:
            raise No(40001, "invalid credential, access_token is invalid or not latest")
        now = time.monotonic()
        while self._seen and self._seen[0] < now - 60:
            self._seen.popleft()
        self._seen.append(now)
        if 0 < self.account.traits.calls_a_minute < len(self._seen):
            raise No(45011, "api minute-quota reach limit")

    def _material(self, body: bytes, kind: str) -> Answer:
        head = b"Content-Type: " + kind.encode() + b"\r\n\r\n"
        parts = list(email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body).iter_parts())
        picture = parts[0].get_payload(decode=True)
        if not isinstance(picture, bytes) or picture[:3] not in (b"\xff\xd8\xff", b"\x89PN"):
            raise No(40009, "invalid image")
        made = f"MAT{self.account.number()}"
        self.account.materials[made] = self.account.now_s()
        return {"type": "image", "media_id": made, "created_at": self.account.now_s()}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", "0"))
                address = urlsplit(self.path)
                body = self.rfile.read(min(length, MAX_BODY))
                try:
                    answer = server.answer(
                        address.path, dict(parse_qsl(address.query)), body, self.headers.get("Content-Type", "")
                    )
                except Cut:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                text = json.dumps(answer, ensure_ascii=False).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain")  # not application/json, as the real one
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        return Handler


@contextmanager
def serving(account: Account, push: Callable[[Answer], None] | None = None) -> Iterator[Server]:
    """A server for this account until the block ends."""
    server = Server(account, push)
    try:
        yield server
    finally:
        server.close()
