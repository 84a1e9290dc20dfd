"""Storage in a bucket of Tencent COS."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from domain.media.cos_signature import get_address, put_address
from domain.media.names import is_key
from media_jobs.cos.client import Cos
from media_jobs.cos.download import Download
from media_jobs.cos.failures import Refused, Transient
from media_jobs.cos.multipart import PART, Upload
from media_jobs.cos.objects import head
from media_jobs.crc64 import crc64
from media_jobs.engine import MAX_KEYS, Stored
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
        return list(self._listed(prefix, limit))

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

    def _listed(self, prefix: str, limit: int) -> Iterator[str]:
        marker, left = "", limit
        while left > 0:
            page = self._cos.ask("list_objects", Prefix=prefix, Marker=marker, MaxKeys=min(left, PAGE))
            rows = [str(row["Key"]) for row in page.get("Contents", [])]
            yield from rows
            left -= len(rows)
            if page.get("IsTruncated") != "true" or not rows:
                return
            marker = str(page.get("NextMarker") or rows[-1])

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


def _known(key: str) -> None:
    if not is_key(key):
        raise ValueError(f"no key: {key!r}")
