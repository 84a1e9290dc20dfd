"""What a playlist says of where its segments are: beside it, or at the CDN, signed for as long as the grant lives."""

from __future__ import annotations

from typing import Protocol

from domain.media import names
from domain.media.cdn_address import KEY, Signing, signed
from domain.media.grant import Grant
from infra.settings import Settings


class WeakCdnKey(ValueError):
    """JULIU_MEDIA_CDN_KEY is missing or none: a CDN's key has 6 to 40 letters and digits."""


class Segments(Protocol):
    """Where a player finds a rung's segments."""

    def address(self, grant: Grant, rung: str, name: str, now_s: int) -> str:
        """Of the segment ("00000.ts"): relative to the playlist, or whole."""


class Beside:
    """We send them ourselves, under the same grant."""

    def address(self, grant: Grant, rung: str, name: str, now_s: int) -> str:  # noqa: ARG002 - the port's
        """The name as it is."""
        return name


class AtCdn:
    """The CDN has them.  It judges the time of signing and a life of its own: together they end with the grant."""

    def __init__(self, url: str, signing: Signing, key: str, life_s: int) -> None:
        """Raises WeakCdnKey."""
        if not KEY.fullmatch(key):
            raise WeakCdnKey(WeakCdnKey.__doc__)
        self._url, self._signing, self._key, self.life_s = url, signing, key, life_s

    def address(self, grant: Grant, rung: str, name: str, now_s: int) -> str:
        """The whole address."""
        _, drama_id, episode_no, hash12, expires_ms, _ = grant
        key = f"{names.hls(drama_id, episode_no, hash12)}/{rung}/{name}"
        return self.of_key(key, min(now_s, expires_ms // 1000 - self.life_s))

    def of_key(self, key: str, at_s: int) -> str:
        """The address of any file of storage, signed as if at `at_s`."""
        return self._url + signed(self._signing, self._key, f"/{key}", at_s)


def cdn_of(settings: Settings) -> AtCdn | None:
    """The CDN that the settings name, if any.  Raises WeakCdnKey."""
    if not settings.media_cdn_url:
        return None
    key, signing = settings.media_cdn_key.get_secret_value(), Signing(settings.media_cdn_signing)
    return AtCdn(settings.media_cdn_url, signing, key, settings.media_cdn_life_s)
