"""The objects of a COS stand-in, on disk: bytes, CRC-64 by crcmod, parts, and an ETag that is no MD5 of the whole."""

from __future__ import annotations

import hashlib
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from uuid import uuid4

import crcmod

BLOCK = 1 << 20
SMALLEST_PART = 1 << 20


class Refusal(Exception):
    """An answer of COS that says no."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code, self.message = status, code, message or code


@dataclass(frozen=True)
class Blob:
    """Bytes on disk, and what is told of them."""

    path: Path
    size: int
    md5: str
    crc64: int
    content_type: str
    at_s: float
    etag: str


@dataclass
class Upload:
    """An upload in parts that nobody has completed."""

    key: str
    content_type: str
    at_s: float
    parts: dict[int, Blob] = field(default_factory=dict)


class Objects:
    """One bucket.  Whatever is changed is changed under one lock, after its bytes are on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.lock = threading.RLock()
        self.blobs: dict[str, Blob] = {}
        self.uploads: dict[str, Upload] = {}
        self.lifecycle: bytes = b""

    def take(self, read: Callable[[int], bytes], size: int, content_type: str, md5: str = "") -> Blob:
        """Bytes that come in.  Refusal where they end early (Cut is the reader's) or are not what their MD5 says."""
        path = self._folder / uuid4().hex
        crc, digest, left = _crc(), hashlib.md5(), size
        with path.open("wb") as file:
            while left and (block := read(min(left, BLOCK))):
                left -= len(block)
                for sink in (file.write, crc.update, digest.update):
                    sink(block)
        if left or (md5 and digest.hexdigest() != md5):
            path.unlink()
            raise Refusal(400, "IncompleteBody" if left else "BadDigest")
        return Blob(path, size, digest.hexdigest(), crc.crcValue, content_type, time.time(), digest.hexdigest())

    def put(self, key: str, blob: Blob) -> None:
        """The key holds these bytes."""
        with self.lock:
            self.delete(key)
            self.blobs[key] = blob

    def get(self, key: str) -> Blob:
        """Refusal where there is none."""
        with self.lock:
            if key not in self.blobs:
                raise Refusal(404, "NoSuchKey", "The specified key does not exist.")
            return self.blobs[key]

    def open(self, key: str) -> tuple[Blob, IO[bytes]]:
        """What lies there, and its bytes, which stay readable when the key is deleted.  Refusal where there is none."""
        with self.lock:
            blob = self.get(key)
            return blob, blob.path.open("rb")

    def delete(self, key: str) -> None:
        """The key holds nothing."""
        with self.lock:
            if blob := self.blobs.pop(key, None):
                blob.path.unlink(missing_ok=True)

    def listed(self, prefix: str, marker: str, most: int) -> tuple[list[str], bool]:
        """Keys after the marker, in the order of their bytes, and whether there are more."""
        with self.lock:
            keys = sorted((key for key in self.blobs if key.startswith(prefix) and key > marker), key=str.encode)
        most = min(most, 1_000)
        return keys[:most], len(keys) > most

    def begin(self, key: str, content_type: str) -> str:
        """The id of a new upload."""
        upload_id = f"{int(time.time())}{uuid4().hex}"
        with self.lock:
            self.uploads[upload_id] = Upload(key, content_type, time.time())
        return upload_id

    def upload(self, key: str, upload_id: str) -> Upload:
        """Refusal where there is none, or it is of another key."""
        with self.lock:
            found = self.uploads.get(upload_id)
            if found is None or found.key != key:
                raise Refusal(404, "NoSuchUpload", "The specified multipart upload does not exist.")
            return found

    def complete(self, key: str, upload_id: str, named: list[tuple[int, str]]) -> Blob:
        """One object of these parts, which must be all good and, but for the last, at least 1 MiB."""
        with self.lock:
            parts = self._named(self.upload(key, upload_id), named)
            path = self._folder / uuid4().hex
            with path.open("wb") as whole:
                crc = _crc()
                for part in parts:
                    _append(part.path, whole, crc)
                    part.path.unlink()
            md5s = hashlib.md5(b"".join(bytes.fromhex(part.md5) for part in parts)).hexdigest()
            upload = self.uploads.pop(upload_id)
            size = sum(part.size for part in parts)
            etag = f"{md5s}-{len(parts)}"
            self.delete(key)
            self.blobs[key] = Blob(path, size, md5s, crc.crcValue, upload.content_type, time.time(), etag)
            return self.blobs[key]

    def free(self) -> None:
        """Everything goes."""
        shutil.rmtree(self._folder, ignore_errors=True)

    @staticmethod
    def _named(upload: Upload, named: list[tuple[int, str]]) -> list[Blob]:
        if [number for number, _ in named] != sorted({number for number, _ in named}):
            raise Refusal(400, "InvalidPartOrder")
        for number, etag in named:
            if number not in upload.parts or upload.parts[number].md5 != etag.strip('"'):
                raise Refusal(400, "InvalidPart")
        parts = [upload.parts[number] for number, _ in named]
        if not parts or any(part.size < SMALLEST_PART for part in parts[:-1]):
            raise Refusal(400, "EntityTooSmall")
        return parts


def _append(path: Path, whole: IO[bytes], crc: crcmod.Crc) -> None:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            whole.write(block)
            crc.update(block)


def _crc() -> crcmod.Crc:
    return crcmod.Crc(0x142F0E1EBA9EA3693, initCrc=0, xorOut=(1 << 64) - 1, rev=True)
