"""Addresses of storage for staff: one that is signed for one key and one size to send, or for one key to see."""

from __future__ import annotations

import secrets
from typing import NamedTuple, Protocol

from domain.media import cos_signature, names, storage_address
from domain.media.cos_signature import Bucket
from domain.media.storage_address import Permission
from domain.media.wechat_drama import PAPER_TYPES
from infra.media.bucket import bucket_of
from infra.settings import Settings
from ingest_api.media_admin.errors import NoStorage

LIFE_S = 3_600  # to begin sending; 8 GB take as long as they take


class Upload(NamedTuple):
    """Where to send a file."""

    key: str
    address: str
    expires_ms: int


class Place(Protocol):
    """Signs addresses of a storage, each good for LIFE_S."""

    def put(self, key: str, size: int, now_s: int) -> str:
        """Where exactly `size` bytes may be sent."""

    def get(self, key: str, now_s: int) -> str:
        """Where anybody may fetch it."""


class Uploads(Protocol):
    """Addresses for staff: where they send files, and where they see some that viewers do not see yet."""

    def at(self, key: str, size: int, now_s: int) -> Upload:
        """Where `size` bytes are sent that are to lie under this key.  Raises NoStorage."""

    def preview(self, key: str, now_s: int) -> str:
        """Where the file of this key can be seen for LIFE_S.  Raises NoStorage."""


class SignedUploads:
    """Keeps the promise with a place that signs; without one there is no storage."""

    def __init__(self, place: Place | None) -> None:
        self._place = place

    def at(self, key: str, size: int, now_s: int) -> Upload:
        return Upload(key, self._there().put(key, size, now_s), (now_s + LIFE_S) * 1000)

    def preview(self, key: str, now_s: int) -> str:
        return self._there().get(key, now_s)

    def _there(self) -> Place:
        if self._place is None:
            raise NoStorage
        return self._place


class OurFolder:
    """The folder of the local engine, which this API serves."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def put(self, key: str, size: int, now_s: int) -> str:
        """See Place."""
        return storage_address.address(self._secret, "", Permission("put", key, now_s + LIFE_S, size))

    def get(self, key: str, now_s: int) -> str:
        """See Place."""
        return storage_address.address(self._secret, "", Permission("get", key, now_s + LIFE_S))


class OurBucket:
    """A bucket of the engine cos."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    def put(self, key: str, size: int, now_s: int) -> str:
        """See Place."""
        return cos_signature.put_address(self._bucket, key, now_s, LIFE_S, size)

    def get(self, key: str, now_s: int) -> str:
        """See Place."""
        return cos_signature.get_address(self._bucket, key, now_s, LIFE_S)


def episode_key(drama_id: int, episode_no: int, name: str) -> str:
    """A key that no other upload of the episode has: never over the source of a job that runs."""
    return names.incoming(drama_id, episode_no, f"{secrets.token_hex(6)}-{names.harmless(name)}")


def paper_key(drama_id: int, name: str) -> str | None:
    """The same for a paper of the drama; None for what is no picture that WeChat takes."""
    _, dot, ending = name.lower().rpartition(".")
    return names.paper(drama_id, secrets.token_hex(6), ending) if dot and ending in PAPER_TYPES else None


def is_of(drama_id: int, episode_no: int, key: str) -> bool:
    """Whether a key is in the episode's own folder: what else a worker can read is not for it."""
    return names.is_key(key) and key.rpartition("/")[0] == f"incoming/{drama_id}/{episode_no}"


def uploads_of(settings: Settings, secret: bytes) -> SignedUploads:
    """To the storage that the settings name."""
    if settings.media_engine == "cos":
        bucket = bucket_of(settings)
        return SignedUploads(OurBucket(bucket) if bucket else None)
    return SignedUploads(OurFolder(secret) if settings.media_root else None)
