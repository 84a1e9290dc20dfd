"""Playlists, segments and keys of encrypted episodes, to whoever holds a grant that is good now.

A grant is judged at every request: ours, not over, its drama still shown and its episode released (a take-down, and a
release that was put off, is known within a second), to a viewer of the region and age that the grant says.  The key
asks for the entitlement besides, so that what is out without it is noise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

from domain.media import grant as grants
from domain.media import names
from domain.media.grant import BadGrant, Grant
from domain.media.playlist import BadPlaylist, checked_master, rewritten
from infra import logs
from infra.fold_store import Wait
from infra.media.keys import KeyDamaged
from ingest_api.events.service import CatalogueSource
from ingest_api.hls.errors import AnothersAddress, KeyRefused
from ingest_api.hls.stores import Stores
from ingest_api.play.errors import BadAddress, EpisodeLocked, MediaUnavailable, NoVideo
from ingest_api.play.on_view import for_whom, on_view
from ingest_api.play.video import Places, Video
from ingest_api.threads import Threads

log = logs.get(__name__)


class Entitlements(Protocol):
    """Who may play what."""

    async def entitled(self, user_id: int, drama_id: int, episode_no: int) -> None:
        """Nothing where they may, now.  Raises EpisodeLocked, NotReleased, UnknownEpisode, or Unavailable."""


class Hls:
    """One a process."""

    def __init__(
        self,
        secrets: Sequence[bytes],
        catalogue: CatalogueSource,
        entitlements: Entitlements,
        stores: Stores,
        *,
        threads: Threads,
        places: Places,
        now_ms: Callable[[], int],
    ) -> None:
        self._secrets = secrets
        self._catalogue = catalogue
        self._entitlements = entitlements
        self._stores = stores
        self._threads = threads
        self._places = places
        self._now_ms = now_ms

    def granted(self, text: str, user_id: int | None) -> Grant:
        """What the grant says, if it is good now; `user_id` is who asks, where they say so.

        Raises BadAddress, AnothersAddress, UnknownEpisode (not for this viewer any more), and as `on_view`.
        """
        try:
            grant = grants.read(self._secrets, text)
        except BadGrant as error:
            raise BadAddress from error
        now_ms = self._now_ms()
        if now_ms >= grant.expires_ms:
            raise BadAddress
        if user_id not in (None, grant.user_id):
            raise AnothersAddress
        on_view(self._catalogue, grant.drama_id, grant.episode_no, now_ms)
        for_whom(self._catalogue, grant.drama_id, grant.audience)
        return grant

    async def master(self, grant: Grant) -> str:
        """The master playlist.  Raises NoVideo, MediaUnavailable."""
        drama_id, episode_no, hash12 = grant.drama_id, grant.episode_no, grant.hash12
        text = await self._text(names.master(drama_id, episode_no, hash12))
        return self._ours(grant, partial(checked_master, text))

    async def playlist(self, grant: Grant, rung: str) -> str:
        """A rung's playlist, its segments where the CDN has them.  Raises NoVideo, MediaUnavailable."""
        drama_id, episode_no, hash12 = grant.drama_id, grant.episode_no, grant.hash12
        text = await self._text(names.playlist(drama_id, episode_no, hash12, rung))
        now_s = self._now_ms() // 1000
        address = partial(self._stores.segments.address, grant, rung, now_s=now_s)
        return self._ours(grant, partial(rewritten, text, address))

    async def segment(self, grant: Grant, rung: str, number: int) -> Video:
        """A segment as a response.  Raises NoVideo, MediaUnavailable."""
        key = names.segment(grant.drama_id, grant.episode_no, grant.hash12, rung, number)
        file = await self._threads.run(partial(self._stores.served.find, key))
        fresh_s = (grant.expires_ms - self._now_ms()) // 1000
        return Video(file.path, file.stat, fresh_s, self._places, grant.user_id, media_type=file.media_type)

    async def key(self, grant: Grant, rung: str) -> bytes:
        """A rung's key, sixteen bytes, to who may play the episode now.

        Raises KeyRefused, NotReleased, UnknownEpisode, NoVideo, and Unavailable where it cannot be told now.
        """
        drama_id, episode_no, hash12 = grant.drama_id, grant.episode_no, grant.hash12
        try:
            await self._entitlements.entitled(grant.user_id, drama_id, episode_no)
        except EpisodeLocked as error:
            raise KeyRefused from error
        return await self._threads.run(partial(self._key, drama_id, episode_no, hash12, rung))

    def _key(self, drama_id: int, episode_no: int, hash12: str, rung: str) -> bytes:
        """In a thread."""
        try:
            key = self._stores.keys.key(drama_id, episode_no, hash12, rung) if self._stores.keys else None
        except Wait as error:
            raise MediaUnavailable from error
        except KeyDamaged as error:
            log.error("a key does not open", drama_id=drama_id, episode_no=episode_no, rung=rung)
            raise MediaUnavailable from error
        if key is None:
            raise NoVideo
        return key

    async def _text(self, key: str) -> str:
        return await self._threads.run(partial(self._stores.playlists.read, key))

    def _ours(self, grant: Grant, checked: Callable[[], str]) -> str:
        try:
            return checked()
        except BadPlaylist as error:
            told = {"drama_id": grant.drama_id, "episode_no": grant.episode_no, "hash12": grant.hash12}
            log.error("a playlist is damaged", reason=str(error), **told)
            raise NoVideo from error
