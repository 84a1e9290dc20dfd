"""An object of COS to a file: cut answers go on where they ended, the CRC tells whether the whole is right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import requests

from domain.media.trouble import Failure, StepFailed
from media_jobs.cos.client import Cos
from media_jobs.cos.failures import Transient, failed
from media_jobs.cos.objects import etag_of, stored
from media_jobs.crc64 import crc64
from media_jobs.engine import Stored
from media_jobs.watch import Watch

BLOCK = 1 << 20  # bytes


class Download:
    """One object on its way to one file."""

    def __init__(self, cos: Cos, key: str, max_bytes: int, watch: Watch) -> None:
        self._cos, self._key, self._max_bytes, self._watch = cos, key, max_bytes, watch
        self._done, self._crc, self._etag = 0, 0, ""
        self._whole: Stored | None = None

    def run(self, target: Path) -> Stored:
        """The object in `target`; nothing is there after an error.  Raises StepFailed and what the watch raises."""
        try:
            with target.open("wb") as file:
                self._cos.again(lambda: self._go_on(file), self._watch, self._permille())
            return self._checked()
        except BaseException:
            target.unlink(missing_ok=True)
            raise

    def _go_on(self, file: IO[bytes]) -> None:
        """From where the last answer ended; another version of the object meanwhile is a refusal (412)."""
        asked = {"Range": f"bytes={self._done}-", "IfMatch": self._etag} if self._done else {}
        if self._whole is not None and self._done == self._whole.size:
            return
        answer = self._cos.once("get_object", Key=self._key, **asked)
        if self._whole is None:
            self._whole, self._etag = stored(self._key, answer), etag_of(answer)
            self._refuse_large(self._whole.size)
        for block in _blocks(answer):
            file.write(block)
            self._crc, self._done = crc64(block, self._crc), self._done + len(block)
            self._refuse_large(self._done)
            self._watch.progress(self._permille())

    def _refuse_large(self, size: int) -> None:
        if size > self._max_bytes:
            raise StepFailed(Failure.MEND, "too_large", f"{self._key} is larger than {self._max_bytes >> 20} MiB")

    def _checked(self) -> Stored:
        assert self._whole is not None
        if (self._done, self._crc) != (self._whole.size, self._whole.crc64):
            raise Transient("checksum", f"{self._key} came otherwise than COS has it, and is fetched again")
        return self._whole

    def _permille(self) -> int:
        return self._done * 1000 // self._whole.size if self._whole and self._whole.size else 0


def _blocks(answer: Any) -> Iterator[bytes]:
    """The body, a block at a time.  Raises Transient where it is cut."""
    body = answer["Body"]
    try:
        yield from body.get_stream(BLOCK)
    except requests.RequestException as error:
        raise failed(error) from error
    finally:
        body.get_raw_stream().close()
