"""Sending a file to somebody who may be slow, or many: one range at a time, a bound on how many and on how long."""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from ingest_api.play.errors import MediaBusy, RangeNotThere

AT_ONCE = 128  # files open; the process may have OTHER_FILES (256) beside its connections
AT_ONCE_EACH = 6  # of one viewer: a player asks for two or three
SEND_S = 300.0  # 20 MB in this time are 0.5 Mbit/s
RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


class Places:
    """How many videos are being sent, of all viewers and of each."""

    def __init__(self, at_once: int = AT_ONCE, each: int = AT_ONCE_EACH) -> None:
        self._at_once, self._each = at_once, each
        self._taken: Counter[int] = Counter()
        self._total = 0

    @property
    def taken(self) -> int:
        """How many are being sent now."""
        return self._total

    @contextmanager
    def one(self, user_id: int) -> Iterator[None]:
        """A place for one more.  Raises MediaBusy."""
        if self._total >= self._at_once or self._taken[user_id] >= self._each:
            raise MediaBusy
        self._total += 1
        self._taken[user_id] += 1
        try:
            yield
        finally:
            self._total -= 1
            self._taken[user_id] -= 1
            if not self._taken[user_id]:
                del self._taken[user_id]


class Video(FileResponse):
    """A file or one range of it; a Range that is none, or that asks for several, gets the whole (RFC 9110, 14.2)."""

    def __init__(
        self,
        path: Path,
        found: os.stat_result,
        fresh_s: int,
        places: Places,
        user_id: int,
        *,
        media_type: str | None = None,
        send_s: float | None = None,
    ) -> None:
        """`fresh_s`: how long it may be kept; `media_type` None: by the file's name; `send_s` None: SEND_S."""
        headers = {"cache-control": f"private, max-age={fresh_s}", "x-content-type-options": "nosniff"}
        super().__init__(path, stat_result=found, headers=headers, media_type=media_type)
        self._size = found.st_size
        self._places = places
        self._user_id = user_id
        self._send_s = send_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = self._plain(scope)
        with self._places.one(self._user_id):
            async with asyncio.timeout(SEND_S if self._send_s is None else self._send_s):
                await super().__call__(asked, receive, send)

    def _plain(self, scope: Scope) -> Scope:
        """The request with a Range that FileResponse takes, or with none.  Raises RangeNotThere."""
        headers = MutableHeaders(raw=list(scope["headers"]))
        given, same = headers.get("range"), headers.get("if-range")
        if given is not None and not (self._unchanged(same) and in_file(given, self._size)):
            del headers["range"]
        return {**scope, "headers": headers.raw}

    def _unchanged(self, same: str | None) -> bool:
        return same is None or same in (self.headers["etag"], self.headers["last-modified"])


def in_file(given: str, size: int) -> bool:
    """Whether this Range header is one range of a file of `size` bytes.  Raises RangeNotThere if it is outside."""
    match = RANGE.fullmatch(given.strip().lower())
    if match is None or match[1] == match[2] == "":
        return False
    if match[1] and match[2] and int(match[2]) < int(match[1]):
        return False
    outside = int(match[1]) >= size if match[1] else int(match[2]) == 0 or size == 0
    if outside:
        raise RangeNotThere(size)
    return True
