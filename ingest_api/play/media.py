"""The video behind a signed address: where it is, and sending it, whole or a range of it.

Until media jobs publish elsewhere, the catalogue's media_path is a file below JULIU_MEDIA_ROOT.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple, Protocol

from domain import media_address
from domain.media.master import hash12_of
from domain.media_address import Address
from infra.catalogue.media_paths import PathsUnavailable
from ingest_api.events.service import CatalogueSource
from ingest_api.play.errors import BadAddress, MediaUnavailable, NoVideo
from ingest_api.play.on_view import for_whom, on_view
from ingest_api.play.remembered import Remembered
from ingest_api.play.video import Places, Video
from ingest_api.threads import Threads

REMEMBERED, REMEMBERED_S = 20_000, 30.0


class Paths(Protocol):
    """Where the catalogue says that videos are.  Blocks."""

    def path(self, drama_id: int, episode_no: int) -> str:
        """Relative to the media store; empty where there is no video or no such episode.  Raises PathsUnavailable."""


class File(NamedTuple):
    """A file, as it was when it was looked at."""

    path: Path
    stat: os.stat_result


class Media:
    """One a process."""

    def __init__(
        self,
        root: str,
        secrets: Sequence[bytes],
        paths: Paths,
        catalogue: CatalogueSource,
        *,
        threads: Threads,
        now_ms: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._root = Path(root).resolve() if root else None
        self._secrets = secrets
        self._paths = paths
        self._catalogue = catalogue
        self._threads = threads
        self._now_ms = now_ms
        self._known: Remembered[tuple[int, int], str] = Remembered(REMEMBERED, REMEMBERED_S, clock)
        self.places = Places()

    async def video(self, address: Address, signature: str) -> Video:
        """The video as a response.  Raises BadAddress, NoVideo, and as `on_view` and `for_whom`."""
        now_ms = self._now_ms()
        if not media_address.genuine(self._secrets, address, signature, now_ms):
            raise BadAddress
        on_view(self._catalogue, address.drama_id, address.episode_no, now_ms)
        for_whom(self._catalogue, address.drama_id, address.audience)
        path = await self._path(address.drama_id, address.episode_no)
        if hash12_of(path, address.drama_id, address.episode_no):
            raise BadAddress  # it was a file when this was signed: as a rendition it has another address
        file = await self._threads.run(partial(_locate, self._root, path))
        return Video(file.path, file.stat, (address.expires_ms - now_ms) // 1000, self.places, address.user_id)

    async def _path(self, drama_id: int, episode_no: int) -> str:
        path = self._known.get((drama_id, episode_no))
        if path is None:
            try:
                path = await self._threads.run(partial(self._paths.path, drama_id, episode_no))
            except PathsUnavailable as error:
                raise MediaUnavailable from error
            if path:
                self._known.put((drama_id, episode_no), path)
        return path


def _locate(root: Path | None, path: str) -> File:
    """In a thread.  A path, or a link on it, that leads out of the root is no video."""
    if root is None or not path:
        raise NoVideo
    try:
        whole = (root / path).resolve(strict=True)
        found = whole.stat()
    except (OSError, ValueError) as error:
        raise NoVideo from error
    if not whole.is_relative_to(root) or not stat.S_ISREG(found.st_mode):
        raise NoVideo
    return File(whole, found)
