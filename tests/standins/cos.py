"""A stand-in for Tencent COS (and, through ci.py, CI): checks every signature, keeps bytes, fails on demand.

    with CosStandIn(folder) as cos:
        Cos(cos.bucket, cos.place)              # production's client and configuration; only the wire is another
        cos.faults.plan("cut", "PUT", "partNumber=3")
        cos.requests                            # what was asked: "PUT /a/b.mp4?partNumber=3 200"
        cos.browse("GET", address)              # what a browser would do with an address

The standard library's server on purpose: the SDK reads headers case by case, and ASGI servers lower-case them.
"""

from __future__ import annotations

import http.client
import re
import sys
import threading
import time
from contextlib import suppress
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from domain.media.cos_signature import Bucket
from tests.standins.ci import Ci
from tests.standins.cos_door import Door
from tests.standins.cos_objects import Objects
from tests.standins.faults import Faults

NAME, REGION = "media-1250000000", "ap-shanghai"
SECRET_ID, SECRET_KEY = "AKIDstandinstandinstandinstandinstandin", "standin-key-of-the-standin-1234"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    stand_in: CosStandIn

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are what the tests are about."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class CosStandIn:
    """One bucket of COS and its CI, on 127.0.0.1, until the block ends."""

    def __init__(self, folder: Path, seed: int = 0, port: int = 0, workers: int = 2) -> None:
        self.objects, self.faults = Objects(folder), Faults(seed)
        self.keys = {SECRET_ID: SECRET_KEY}
        self.requests: list[str] = []
        self.clock = time.time
        self.ci = Ci(self.objects, NAME, REGION, workers, seed)
        self._server = _Server(("127.0.0.1", port), Door)
        self._server.stand_in = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def place(self) -> str:
        """JULIU_COS_STAND_IN."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def bucket(self) -> Bucket:
        """What production would be configured with."""
        return Bucket(NAME, REGION, SECRET_ID, SECRET_KEY)

    @property
    def settings(self) -> dict[str, str]:
        """The environment of a process that works with it."""
        return {
            "JULIU_MEDIA_ENGINE": "cos",
            "JULIU_COS_BUCKET": NAME,
            "JULIU_COS_REGION": REGION,
            "JULIU_COS_SECRET_ID": SECRET_ID,
            "JULIU_COS_SECRET_KEY": SECRET_KEY,
            "JULIU_COS_STAND_IN": self.place,
        }

    def asked(self, pattern: str) -> list[str]:
        """The requests that match, in order."""
        return [request for request in self.requests if re.search(pattern, request)]

    def browse(self, method: str, address: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes]:
        """Follow an address as anybody would: to its host, which is here."""
        parts = urlsplit(address)
        host, port = self.place.split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        try:
            connection.request(method, f"{parts.path}?{parts.query}", body, {"Host": parts.netloc, **headers})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def __enter__(self) -> CosStandIn:
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()
        self.ci.close()
        self.objects.free()


def main() -> None:
    """`python -m tests.standins.cos FOLDER [PORT]`: until interrupted; prints what a process needs."""
    with CosStandIn(Path(sys.argv[1]), port=int(sys.argv[2]) if len(sys.argv) > 2 else 0) as stand_in:
        for name, value in stand_in.settings.items():
            print(f"{name}={value}", flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    main()
