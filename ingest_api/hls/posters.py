"""Pictures of an episode: one address for good per rendition, and one that always shows the rendition of now.

A poster is public, as the title is: no token, every cache may keep it.  Of a drama that is not shown there is none, nor
of an episode that is not released: its picture tells how the story goes on.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from enum import IntEnum, StrEnum
from functools import partial
from typing import NamedTuple

from fastapi import Response
from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from domain.media import names
from ingest_api.events.service import CatalogueSource
from ingest_api.hls.files import File, Served
from ingest_api.hls.segments import Away
from ingest_api.play.errors import NoVideo
from ingest_api.play.on_view import on_view
from ingest_api.play.video import Places
from ingest_api.threads import Threads

OF_NOW = "/v1/posters/{drama_id}/{episode_no}"  # the picture of what is played now
FOR_GOOD = "public, max-age=31536000, immutable"  # another picture has another address
FOR_NOW_S = 1  # how long a page may show the one before: what people choose is seen within 2 s, the rest is a 304
MOVED_S = 300  # how long the CDN's address of a picture may be kept
AT_ONCE, SEND_S = 64, 30.0  # pictures being sent: who reads slowly must not keep all files of the process open
ANYBODY = 0
PLAIN = {"x-content-type-options": "nosniff"}


class Kind(StrEnum):
    """In what form."""

    WEBP = "webp"
    JPEG = "jpg"


class Width(IntEnum):
    """Of a picture in pixels; its height is as it comes."""

    SMALL = 240
    MIDDLE = 480
    LARGE = 720


class Asker(NamedTuple):
    """What the headers say: `Accept`, and `If-None-Match` of who has one already."""

    accept: str
    known: str | None


class Picture(NamedTuple):
    """A poster candidate in one size and form."""

    drama_id: int
    episode_no: int
    hash12: str
    number: int
    width: Width
    kind: Kind

    @property
    def key(self) -> str:
        """Its key in storage."""
        rendition = (self.drama_id, self.episode_no, self.hash12)
        return names.poster(*rendition, self.number, width=self.width.value, kind=self.kind.value)

    @property
    def address(self) -> str:
        """Where the image service has it, for good (poster_router.exact)."""
        place = f"{self.drama_id}/{self.episode_no}/{self.hash12}"
        return f"/v1/posters/{place}/{self.number}-{self.width.value}.{self.kind.value}"

    @property
    def tag(self) -> str:
        """Its ETag: a picture never changes."""
        return f'"{self.hash12}-{self.number}-{self.width.value}-{self.kind.value}"'


class Posters:
    """One a process.  `away` None: pictures that are in no folder are nowhere."""

    def __init__(
        self,
        catalogue: CatalogueSource,
        served: Served,
        away: Away | None,
        *,
        threads: Threads,
        now_ms: Callable[[], int],
    ) -> None:
        self._catalogue = catalogue
        self._served = served
        self._away = away
        self._threads = threads
        self._now_ms = now_ms
        self.places = Places(AT_ONCE, AT_ONCE)

    async def of_now(self, drama_id: int, episode_no: int, number: int | None, width: Width, asker: Asker) -> Response:
        """The picture of what is played now, in the best form that the asker takes.  Raises as `exact`.

        `number` None: the candidate that people chose, else the sharpest.
        """
        hash12 = self._catalogue.current.rendition(drama_id, episode_no)
        self._on_view(drama_id, episode_no)
        if not hash12:
            raise NoVideo
        if number is None:
            number = self._catalogue.current.poster(drama_id, episode_no)
        picture = Picture(drama_id, episode_no, hash12, number, width, _best(asker.accept))
        return await self._answer(
            picture, {"cache-control": f"public, max-age={FOR_NOW_S}", "vary": "accept"}, asker.known
        )

    async def exact(self, picture: Picture, known: str | None) -> Response:
        """This picture; 304 to who has it.  Raises NoVideo, and as `on_view`."""
        self._on_view(picture.drama_id, picture.episode_no)
        return await self._answer(picture, {"cache-control": FOR_GOOD}, known)

    async def _answer(self, picture: Picture, kept: dict[str, str], known: str | None) -> Response:
        headers = {**kept, **PLAIN, "etag": picture.tag}
        if known is not None and picture.tag in _tags(known):
            return Response(status_code=304, headers=headers)
        try:
            file = await self._threads.run(partial(self._served.find, picture.key))
        except NoVideo:
            return self._elsewhere(picture, MOVED_S if kept["cache-control"] == FOR_GOOD else FOR_NOW_S)
        return _Sent(file, headers, self.places)

    def _elsewhere(self, picture: Picture, most_s: int) -> Response:
        """At the CDN or in the bucket, at an address that outlives how long this answer may be kept."""
        if self._away is None:
            raise NoVideo
        to = self._away.of_key(picture.key, self._now_ms() // 1000)
        kept = {"cache-control": f"public, max-age={min(most_s, self._away.life_s // 2)}", "vary": "accept"}
        return Response(status_code=307, headers={**kept, **PLAIN, "location": to})

    def _on_view(self, drama_id: int, episode_no: int) -> None:
        on_view(self._catalogue, drama_id, episode_no, self._now_ms())


def _best(accept: str) -> Kind:
    """WebP where it is named: what takes everything (`*/*`) may be older than it."""
    return Kind.WEBP if re.search(r"image/webp(?!\s*;\s*q=0(\.0*)?\s*(,|$))", accept.lower()) else Kind.JPEG


def _tags(known: str) -> list[str]:
    """Of an If-None-Match, weak or strong (RFC 9110, 13.1.2)."""
    return [tag.strip().removeprefix("W/") for tag in known[:1_000].split(",")]


class _Sent(FileResponse):
    """A picture on its way, in one of the places."""

    def __init__(self, file: File, headers: dict[str, str], places: Places) -> None:
        super().__init__(file.path, stat_result=file.stat, media_type=file.media_type, headers=headers)
        self._places = places

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._places.one(ANYBODY):
            async with asyncio.timeout(SEND_S):
                await super().__call__(scope, receive, send)
