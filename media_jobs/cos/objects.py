"""What COS tells of an object, in one place: its headers are read whatever their case, which differs on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from requests.structures import CaseInsensitiveDict

from media_jobs.cos.client import Cos
from media_jobs.cos.failures import Refused
from media_jobs.engine import Stored
from media_jobs.watch import Watch

CRC = "x-cos-hash-crc64ecma"
NO_CRC = -1  # of an object that COS has no CRC of: nothing equals it


def head(cos: Cos, key: str, watch: Watch | None = None) -> Stored | None:
    """What lies at the key; None where nothing does.  Raises StepFailed."""
    try:
        return stored(key, cos.ask("head_object", watch, Key=key))
    except Refused as refused:
        if refused.reason == "not_found":
            return None
        raise


def stored(key: str, answer: Mapping[str, Any]) -> Stored:
    """Of an answer's headers."""
    headers: CaseInsensitiveDict[Any] = CaseInsensitiveDict(answer)
    return Stored(key, int(headers.get("Content-Length", 0)), int(headers.get(CRC, NO_CRC)))


def etag_of(answer: Mapping[str, Any]) -> str:
    """The ETag without its quotes; empty where none was told."""
    headers: CaseInsensitiveDict[Any] = CaseInsensitiveDict(answer)
    return str(headers.get("ETag", "")).strip('"')
