"""The three that keep Storage's promises, each with a way to follow its addresses and a clock that can be moved."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import crcmod

from domain.media.storage_address import PATH, Permission, genuine
from domain.media.trouble import Cancelled
from infra.media.folder import PARTIAL, Folder
from media_jobs.cos.client import Cos
from media_jobs.cos.storage import CosStorage
from media_jobs.engine import Unfinished
from media_jobs.local.storage import LocalStorage
from tests.memory_storage import MemoryStorage
from tests.standins.cos import CosStandIn

SECRET = b"tests-storage-secret-of-32-bytes"
_never = threading.Event()


def quick(seconds: float) -> None:
    """The pauses of production, a hundred times shorter."""
    _never.wait(seconds / 100)


class Told:
    """A watch that keeps what it is told, and stops the work at a share of it."""

    def __init__(self, stop_at: int = 1001) -> None:
        self.heard: list[int] = []
        self._stop_at = stop_at

    def progress(self, permille: int) -> None:
        self.heard.append(permille)
        if permille >= self._stop_at:
            raise Cancelled("stop")


def a_file(folder: Path, size: int, seed: int = 0) -> Path:
    path = folder / f"file-{size}-{seed}"
    path.write_bytes(random.Random(seed).randbytes(size))
    return path


def crc_of(body: bytes) -> int:
    """By another program than the product's."""
    return crcmod.mkCrcFun(0x142F0E1EBA9EA3693, initCrc=0, xorOut=(1 << 64) - 1, rev=True)(body)


class Clock:
    """The time, moved on by hand."""

    ahead_s = 0.0

    def __call__(self) -> int:
        return int(time.time() + self.ahead_s)


class Kept(NamedTuple):
    """A storage, its clock, what following an address does, how many keys are quickly put there.

    `cut` begins an upload that nobody ends.
    """

    storage: Any
    clock: Clock
    browse: Callable[..., tuple[int, bytes]]
    fill: Callable[[list[str]], None]
    cut: Callable[[str], object]


def cos_of(stand_in: CosStandIn) -> Cos:
    """Production's client on the stand-in, in less of a hurry to be polite."""
    return Cos(stand_in.bucket, stand_in.place, pause=quick)


def memory(_: Path) -> Iterator[Kept]:
    clock = Clock()
    storage = MemoryStorage(clock)
    begun = lambda key: storage.cut.append(Unfinished(key, 1, int(clock() * 1000)))  # noqa: E731
    yield Kept(storage, clock, storage.browse, lambda keys: [storage.put_bytes(key, b"x", "") for key in keys], begun)


def local(folder: Path) -> Iterator[Kept]:
    clock = Clock()
    storage = LocalStorage(folder, "http://api", SECRET, clock)
    storage.prepare()
    cut = lambda key: (folder / PARTIAL / key.replace("/", "-")).write_bytes(b"x")  # noqa: E731
    (folder / PARTIAL).mkdir()
    yield Kept(storage, clock, _Api(folder, clock).browse, lambda keys: _written(folder, keys), cut)


def cos(folder: Path) -> Iterator[Kept]:
    with CosStandIn(folder) as stand_in:
        clock = Clock()
        stand_in.clock = clock  # type: ignore[assignment]
        storage = CosStorage(cos_of(stand_in), clock)
        cut = lambda key: stand_in.objects.begin(key, "")  # noqa: E731
        yield Kept(storage, clock, stand_in.browse, lambda keys: _taken(stand_in, keys), cut)


class _Api:
    """What the API makes of an address of the folder; the route itself is tested in tests/unit/test_api_storage.py."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder, self._clock = Folder(folder), clock

    def browse(self, method: str, address: str, body: bytes | None = None) -> tuple[int, bytes]:
        parts = urlsplit(address)
        said = dict(parse_qsl(parts.query))
        key = parts.path.removeprefix(f"{PATH}/")
        permission = Permission(method.lower(), key, int(said["expires"]), int(said["size"]))  # type: ignore[arg-type]
        if not genuine([SECRET], permission, said["signature"], self._clock()):
            return 403, b""
        if method == "GET":
            path = self._folder.path(key)
            return (200, path.read_bytes()) if path.exists() else (404, b"")
        if len(body or b"") != permission.size:
            return 403, b""
        with self._folder.writing(key) as file:
            file.write(body or b"")
        return 200, b""


def _written(folder: Path, keys: list[str]) -> None:
    for key in keys:
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(b"x")


def _taken(stand_in: CosStandIn, keys: list[str]) -> None:
    blob = stand_in.objects.take(lambda _: b"x", 1, "")
    for key in keys:
        stand_in.objects.blobs[key] = blob
