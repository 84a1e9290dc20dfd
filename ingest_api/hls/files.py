"""Where playlists, segments and posters are: a folder, and MySQL for playlists whose segments only the CDN has."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import NamedTuple, Protocol

from domain.media import names
from domain.media.playlist import MAX_BYTES
from infra.fold_store import Wait
from infra.media.folder import Folder
from ingest_api.play.errors import MediaUnavailable, NoVideo


class File(NamedTuple):
    """A file, as it was when it was looked at."""

    path: Path
    stat: os.stat_result
    media_type: str


class Texts(Protocol):
    """Playlists that lie in no folder.  Blocks."""

    def read(self, key: str) -> str | None:
        """The playlist; None where there is none.  Raises Wait."""


class Served:
    """Files of a folder, by key (domain.media.names).  Blocks.  `root` "": there is no folder, and nothing is found."""

    def __init__(self, root: str) -> None:
        self._folder = Folder(Path(root)) if root else None

    def find(self, key: str) -> File:
        """The file.  Raises NoVideo for what is no key or no file, and for a link that leads out of the folder."""
        if self._folder is None:
            raise NoVideo
        try:
            path = self._folder.path(key)
            found = path.stat()
        except (OSError, ValueError) as error:
            raise NoVideo from error
        if not stat.S_ISREG(found.st_mode):
            raise NoVideo
        return File(path, found, names.content_type_of(key))


class Playlists:
    """A playlist by its key.  Blocks."""

    def __init__(self, served: Served, texts: Texts) -> None:
        self._served = served
        self._texts = texts

    def read(self, key: str) -> str:
        """At most MAX_BYTES and one.  Raises NoVideo, MediaUnavailable."""
        try:
            with self._served.find(key).path.open("rb") as opened:
                return opened.read(MAX_BYTES + 1).decode("utf-8", "replace")
        except (NoVideo, FileNotFoundError):  # it may go between the two
            return self._elsewhere(key)
        except OSError as error:
            raise MediaUnavailable from error

    def _elsewhere(self, key: str) -> str:
        try:
            text = self._texts.read(key)
        except Wait as error:
            raise MediaUnavailable from error
        if text is None:
            raise NoVideo
        return text
