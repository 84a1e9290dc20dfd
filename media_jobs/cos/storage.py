"""Storage in a bucket of Tencent COS."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from domain.media.cos_signature import get_address, put_address
from domain.media.leftovers import Lying
from domain.media.names import is_key
from media_jobs.cos.client import Cos
from media_jobs.cos.download import Download
from media_jobs.cos.failures import Refused, Transient
from media_jobs.cos.multipart import PART, Upload
from media_jobs.cos.objects import head
from media_jobs.crc64 import crc64
from media_jobs.engine import MAX_KEYS, Stored, Unfinished
from media_jobs.watch import Unwatched, Watch

PAGE = 1_000  # keys that COS lists or deletes at a time, at most
INTERMEDIATE_DAYS = 7  # files on the way: longer than any job is tried again by itself
CUT_DAYS = 3  # parts of an upload that nobody completes
_RULES: tuple[dict[str, Any], ...] = (
    {
        "ID": "juliu-work",
        "Filter": {"Prefix": "work/"},
        "Status": "Enabled",
        "Expiration": {"Days": INTERMEDIATE_DAYS},
    },
    {
        "ID": "juliu-cut-uploads",
        "Filter": {"Prefix": ""},
        "Status": "Enabled",
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": CUT_DAYS},
    },
)


class CosStorage:
    """Objects of one bucket, which is private; addresses are signed with the account's permanent keys."""

    def __init__(self, cos: Cos, now_s: Callable[[], float] = time.time) -> None:
        self._cos, self._now_s = cos, now_s

    def prepare(self) -> None:
        rules = [rule for rule in self._rules() if not str(rule.get("ID", "")).startswith("juliu-")]
        self._cos.ask("put_bucket_lifecycle", LifecycleConfiguration={"Rule": [*rules, *_RULES]})

    def put(self, key: str, path: Path, content_type: str, watch: Watch) -> Stored:
        _known(key)
        if path.stat().st_size > PART:
            return Stored(key, *Upload(self._cos, key, path, watch).run(content_type))
        put = self._put(key, path.read_bytes(), content_type, watch)
        watch.progress(1000)
        return put

    def put_bytes(self, key: str, body: bytes, content_type: str) -> Stored:
        _known(key)
        return self._put(key, body, content_type, Unwatched())

    def fetch(self, key: str, target: Path, max_bytes: int, watch: Watch) -> Stored:
        _known(key)
        return Download(self._cos, key, max_bytes, watch).run(target)

    def head(self, key: str) -> Stored | None:
        _known(key)
        return head(self._cos, key)

    def keys(self, prefix: str, limit: int) -> list[str]:
        if not 0 < limit <= MAX_KEYS:
            raise ValueError(f"limit: {limit}")
        return [str(row["Key"]) for row in self._listed(prefix, "", limit)]

    def listed(self, prefix: str, after: str, limit: int) -> list[Lying]:
        if not 0 < limit <= MAX_KEYS:
            raise ValueError(f"limit: {limit}")
        rows = self._listed(prefix, after, limit)
        return [Lying(str(row["Key"]), int(row["Size"]), unix_ms(row["LastModified"])) for row in rows]

    def unfinished(self, before_ms: int, limit: int) -> list[Unfinished]:
        rows = itertools.islice(self._uploads(), MAX_KEYS)
        each = (Unfinished(f"{row['UploadId']} {row['Key']}", 0, unix_ms(row["Initiated"])) for row in rows)
        return sorted((one for one in each if one.begun_ms < before_ms), key=lambda one: one.begun_ms)[:limit]

    def end(self, uploads: Sequence[Unfinished]) -> None:
        for upload_id, _, key in (upload.name.partition(" ") for upload in uploads):
            try:
                self._cos.ask("abort_multipart_upload", Key=key, UploadId=upload_id)
            except Transient:  # also where it was completed, or ended by somebody else
                if any(row["UploadId"] == upload_id for row in self._uploads(key)):
                    raise

    def delete(self, keys: Sequence[str]) -> None:
        if len(keys) > MAX_KEYS:
            raise ValueError(f"{len(keys)} keys at once")
        for key in keys:
            _known(key)
        for begin in range(0, len(keys), PAGE):
            self._delete(keys[begin : begin + PAGE])

    def pull_address(self, key: str, life_s: int) -> str:
        _known(key)
        return get_address(self._cos.bucket, key, int(self._now_s()), life_s)

    def upload_address(self, key: str, life_s: int, size: int) -> str:
        _known(key)
        return put_address(self._cos.bucket, key, int(self._now_s()), life_s, size)

    def _put(self, key: str, body: bytes, content_type: str, watch: Watch) -> Stored:
        self._cos.ask("put_object", watch, Key=key, Body=body, ContentType=content_type, EnableMD5=True)
        return Stored(key, len(body), crc64(body))

    def _listed(self, prefix: str, after: str, limit: int) -> Iterator[Mapping[str, Any]]:
        marker, left = after, limit
        while left > 0:
            page = self._cos.ask("list_objects", Prefix=prefix, Marker=marker, MaxKeys=min(left, PAGE))
            rows = page.get("Contents", [])
            yield from rows
            left -= len(rows)
            if page.get("IsTruncated") != "true" or not rows:
                return
            marker = str(page.get("NextMarker") or rows[-1]["Key"])

    def _uploads(self, prefix: str = "") -> Iterator[Mapping[str, Any]]:
        key, upload_id = "", ""
        while True:
            page = self._cos.ask("list_multipart_uploads", Prefix=prefix, KeyMarker=key, UploadIdMarker=upload_id)
            rows = page.get("Upload", [])
            yield from rows
            if page.get("IsTruncated") != "true" or not rows:
                return
            key, upload_id = str(page.get("NextKeyMarker", "")), str(page.get("NextUploadIdMarker", ""))

    def _delete(self, keys: Sequence[str]) -> None:
        asked = {"Quiet": "true", "Object": [{"Key": key} for key in keys]}
        if wrong := self._cos.ask("delete_objects", Delete=asked).get("Error"):
            raise Transient("storage_unavailable", f"COS did not delete all of {len(keys)} files: {wrong}"[:500])

    def _rules(self) -> list[dict[str, Any]]:
        """The lifecycle rules that others have set stay as they are."""
        try:
            return list(self._cos.ask("get_bucket_lifecycle").get("Rule", []))
        except Refused as refused:
            if refused.code == "NoSuchLifecycleConfiguration":
                return []
            raise


def unix_ms(text: str) -> int:
    """Of a time as COS tells it, ISO 8601 in UTC."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def _known(key: str) -> None:
    if not is_key(key):
        raise ValueError(f"no key: {key!r}")
