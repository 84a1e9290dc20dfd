"""What a playlist says of where its segments are: beside it, or at the CDN or in the bucket, signed for the grant."""

from __future__ import annotations

from typing import Protocol

from domain.media import names
from domain.media.cdn_address import KEY, Signing, signed
from domain.media.cos_signature import SHORTEST_S, Bucket, get_address
from domain.media.grant import Grant
from infra import logs
from infra.media.bucket import bucket_of, lacking
from infra.settings import Settings

LIFE_S = 900  # of a picture's address; a segment's ends with its grant

log = logs.get(__name__)


class WeakCdnKey(ValueError):
    """JULIU_MEDIA_CDN_KEY is missing or none: a CDN's key has 6 to 40 letters and digits."""


class Nowhere(ValueError):
    """Nothing would play: the engine cos keeps segments in a bucket, and the settings name neither it nor a CDN."""


class Segments(Protocol):
    """Where a player finds a rung's segments."""

    def address(self, grant: Grant, rung: str, name: str, now_s: int) -> str:
        """Of the segment ("00000.ts"): relative to the playlist, or whole."""


class Away(Segments, Protocol):
    """Where files of storage are that we do not send.  `life_s`: how long an address of one works."""

    life_s: int

    def of_key(self, key: str, at_s: int) -> str:
        """The address of any file of storage, as if it was asked for at `at_s`."""


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


class AtBucket:
    """The bucket itself, where there is no CDN: it takes an address for as long as was signed."""

    life_s = LIFE_S

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def address(self, grant: Grant, rung: str, name: str, now_s: int) -> str:
        """The whole address, which ends with the grant."""
        _, drama_id, episode_no, hash12, expires_ms, _ = grant
        key, ends_s = f"{names.hls(drama_id, episode_no, hash12)}/{rung}/{name}", expires_ms // 1000
        at_s = min(now_s, ends_s - SHORTEST_S)
        return get_address(self._bucket, key, at_s, ends_s - at_s)

    def of_key(self, key: str, at_s: int) -> str:
        """See Away."""
        return get_address(self._bucket, key, at_s, self.life_s)


def away_of(settings: Settings) -> Away | None:
    """The CDN that the settings name, else the bucket; None where we send files ourselves.

    Raises WeakCdnKey, Nowhere.
    """
    if not settings.media_cdn_url:
        return _bucket(settings) if settings.media_engine == "cos" else None
    key, signing = settings.media_cdn_key.get_secret_value(), Signing(settings.media_cdn_signing)
    return AtCdn(settings.media_cdn_url, signing, key, settings.media_cdn_life_s)


def _bucket(settings: Settings) -> AtBucket:
    bucket = bucket_of(settings)
    if bucket is None:
        raise Nowhere(
            f"set JULIU_MEDIA_CDN_URL, or {', '.join(lacking(settings))}: with the engine cos nothing plays else"
        )
    log.warning("segments come from the bucket, which is dearer than a CDN: JULIU_MEDIA_CDN_URL", bucket=bucket.name)
    return AtBucket(bucket)
