"""Where a browser sends a file: an address of storage that is signed for one key and one size."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import NamedTuple, Protocol

from domain.media import cos_signature, names, storage_address
from domain.media.cos_signature import Bucket
from domain.media.storage_address import Permission
from infra.settings import Settings
from ingest_api.media_admin.errors import NoStorage
from ingest_api.media_admin.orders import NewUpload

LIFE_S = 3_600  # to begin sending; 8 GB take as long as they take

Address = Callable[[str, int, int], str]  # key, size, now_s


class Upload(NamedTuple):
    """Where to send a file."""

    key: str
    address: str
    expires_ms: int


class Uploads(Protocol):
    """Addresses for uploads."""

    def new(self, wanted: NewUpload, now_s: int) -> Upload:
        """A key that no other upload has, and its address.  Raises NoStorage."""


class SignedUploads:
    """Keeps the promise with a way to sign; without one there is no storage."""

    def __init__(self, address: Address | None) -> None:
        self._address = address

    def new(self, wanted: NewUpload, now_s: int) -> Upload:
        if self._address is None:
            raise NoStorage
        name = f"{secrets.token_hex(6)}-{names.harmless(wanted.name)}"  # never over the source of a job that runs
        key = names.incoming(wanted.drama_id, wanted.episode_no, name)
        return Upload(key, self._address(key, wanted.size, now_s), (now_s + LIFE_S) * 1000)


def uploads_of(settings: Settings, secret: bytes) -> SignedUploads:
    """To the storage that the settings name."""
    if settings.media_engine == "cos":
        bucket = _bucket(settings)
        return SignedUploads(_to_bucket(bucket) if bucket else None)
    return SignedUploads(_to_us(secret) if settings.media_root else None)


def _to_us(secret: bytes) -> Address:
    def address(key: str, size: int, now_s: int) -> str:
        return storage_address.address(secret, "", Permission("put", key, now_s + LIFE_S, size))

    return address


def _to_bucket(bucket: Bucket) -> Address:
    def address(key: str, size: int, now_s: int) -> str:
        return cos_signature.put_address(bucket, key, now_s, LIFE_S, size)

    return address


def _bucket(settings: Settings) -> Bucket | None:
    """None where a part of it is not set."""
    secret_id, secret_key = settings.cos_secret_id.get_secret_value(), settings.cos_secret_key.get_secret_value()
    parts = (settings.cos_bucket, settings.cos_region, secret_id, secret_key)
    return Bucket(*parts, scheme=settings.cos_scheme) if all(parts) else None
