"""Why nothing is played: locked, an address that is not good, a file that is not there."""

from __future__ import annotations

from ingest_api.errors import ApiError, NotFound, Unavailable
from ingest_api.unlock.errors import PaymentRequired


class EpisodeLocked(PaymentRequired):
    """The episode is locked: unlock it, alone or with the rest of its drama."""

    code = "episode_locked"


class BadAddress(ApiError):
    """This address is not one of ours, or its time is over; ask GET .../play for a new one."""

    status, code = 403, "bad_address"


class NoVideo(NotFound):
    """The episode has no video here."""

    code = "no_video"


class RangeNotThere(ApiError):
    """The video has no such range of bytes."""

    status, code = 416, "range_not_satisfiable"

    def __init__(self, size: int = 0) -> None:
        super().__init__()
        self._size = size

    def headers(self) -> list[tuple[bytes, bytes]]:
        return [(b"content-range", b"bytes */%d" % self._size)]


class MediaUnavailable(Unavailable):
    """It cannot be told now where the video is; ask again after Retry-After."""

    code = "media_unavailable"


class MediaBusy(Unavailable):
    """Too many videos are being sent; ask again after Retry-After."""

    code = "media_busy"
