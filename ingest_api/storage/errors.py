"""Why a file does not come in."""

from __future__ import annotations

from ingest_api.errors import ApiError, Unavailable


class WrongSize(ApiError):
    """The body is not as long as this address was signed for."""

    status, code = 400, "wrong_size"


class StorageBusy(Unavailable):
    """Too many files come in, or the disk is slow or full; send the same again after Retry-After."""

    code = "storage_busy"
