"""What the API may answer besides success: a class says what the sender should do, and holds the status and the code.

4xx: mend it.  503: send the same again after Retry-After.  The class's first line is the message, and what the OpenAPI
document says of the code.  Body: {"error": {"code": "too_large", "message": "..."}}.
"""

from __future__ import annotations

from typing import ClassVar

import msgspec

MAX_MESSAGE = 300


class ErrorDetail(msgspec.Struct, frozen=True):
    """`code` is for programs and stays; `message` is for people and may change."""

    code: str
    message: str


class ErrorBody(msgspec.Struct, frozen=True):
    """The body of every answer that is not a success; some say more beside `error`."""

    error: ErrorDetail


class ReleaseBody(ErrorBody, frozen=True):
    """The body of a refusal before its time; `release_ms` is that time, in Unix ms."""

    release_ms: int


class ApiError(Exception):
    """Something went wrong on our side; it is logged with this request's id."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal"
    retry_after_s: ClassVar[int] = 0
    body_type: ClassVar[type[ErrorBody]] = ErrorBody

    def __init__(self, message: str = "") -> None:
        self.message = (message or self.sentence())[:MAX_MESSAGE]
        super().__init__(self.message)

    @classmethod
    def sentence(cls) -> str:
        """The one line that explains this code."""
        return (cls.__doc__ or cls.code).strip().splitlines()[0]

    def headers(self) -> list[tuple[bytes, bytes]]:
        """Headers that belong to this error."""
        return [(b"retry-after", b"%d" % self.retry_after_s)] if self.retry_after_s else []

    def body(self) -> bytes:
        """The JSON to answer."""
        return msgspec.json.encode(ErrorBody(ErrorDetail(self.code, self.message)))


# -- who asks ---------------------------------------------------------------------------------------------------------


class Unauthorized(ApiError):
    """The bearer token is not one of ours; log in again."""

    status, code = 401, "token_invalid"

    def headers(self) -> list[tuple[bytes, bytes]]:
        return [(b"www-authenticate", b'Bearer realm="juliu"')]


class TokenMissing(Unauthorized):
    """Send a token: `Authorization: Bearer <token>`."""

    code = "token_missing"


class TokenExpired(Unauthorized):
    """The token has expired; log in again."""

    code = "token_expired"


class BackfillNotHere(ApiError):
    """Tokens of scope backfill are taken from this machine only."""

    status, code = 403, "backfill_not_here"


class ViewersOnly(ApiError):
    """This is for viewers' own tokens; other scopes have no coins and watch nothing."""

    status, code = 403, "viewers_only"


class AdminsOnly(ApiError):
    """This is for tokens of scope admin."""

    status, code = 403, "admins_only"


# -- what is asked ----------------------------------------------------------------------------------------------------


class BadRequest(ApiError):
    """The request cannot be understood."""

    status, code = 400, "bad_request"


class MalformedJson(BadRequest):
    """The body is not JSON in UTF-8, as of RFC 8259 (no NaN, no lone surrogates)."""

    code = "malformed_json"


class TooDeep(BadRequest):
    """The JSON is nested too deeply."""

    code = "too_deep"


class BadGzip(BadRequest):
    """The body is not one whole gzip stream."""

    code = "bad_gzip"


class ClientGone(BadRequest):
    """The connection was closed before the whole body had come."""

    code = "client_gone"


class NotFound(ApiError):
    """There is nothing at this address."""

    status, code = 404, "not_found"


class MethodNotAllowed(ApiError):
    """This address does not know this method."""

    status, code = 405, "method_not_allowed"


class PostOnly(MethodNotAllowed):
    """This address knows POST alone."""

    def headers(self) -> list[tuple[bytes, bytes]]:
        return [(b"allow", b"POST")]


class BodyTimeout(ApiError):
    """The body did not come in time."""

    status, code = 408, "body_timeout"

    def headers(self) -> list[tuple[bytes, bytes]]:
        return [(b"connection", b"close")]


class TooLarge(ApiError):
    """The body is larger than allowed."""

    status, code = 413, "too_large"


class TooManyEvents(TooLarge):
    """There are more events in the batch than allowed."""

    code = "too_many_events"


class UnsupportedMedia(ApiError):
    """Send `Content-Type: application/json` (UTF-8)."""

    status, code = 415, "content_type"


class UnsupportedEncoding(UnsupportedMedia):
    """Send the body plain or with `Content-Encoding: gzip`."""

    code = "content_encoding"


class Unprocessable(ApiError):
    """The request is understood but a value in it breaks a rule."""

    status, code = 422, "invalid"


class BadEnvelope(Unprocessable):
    """What surrounds the events (session_id, sent_at_ms, clock_offset_ms, client, events) breaks a rule."""

    code = "bad_envelope"


class BadSentAt(Unprocessable):
    """With scope backfill `sent_at_ms` is the time of receipt: it is required and not in the future."""

    code = "bad_sent_at"


# -- not now ----------------------------------------------------------------------------------------------------------


class Unavailable(ApiError):
    """Not now; send the same again after Retry-After."""

    status, code, retry_after_s = 503, "unavailable", 2


class Overloaded(Unavailable):
    """Too much is waiting already; send the same batch again after Retry-After."""

    code = "overloaded"


class LogUnavailable(Unavailable):
    """Kafka did not take all events in time; send the same batch again after Retry-After (what landed counts once)."""

    code = "log_unavailable"


class WrongPartitions(LogUnavailable):
    """The topic has another number of partitions than the settings say: viewers' events would lose their order."""


class CatalogueUnavailable(Unavailable):
    """The catalogue is not up to date, so events cannot be checked; send the same batch again after Retry-After."""

    code = "catalogue_unavailable"


class ViewersUnavailable(Unavailable):
    """What you watched cannot be read now; ask again after Retry-After."""

    code = "viewers_unavailable"


class NumbersUnavailable(Unavailable):
    """Counters and lists cannot be read now; ask again after Retry-After."""

    code = "numbers_unavailable"


class MoneyUnavailable(Unavailable):
    """Coins and unlocks cannot be read or changed now; send the same again, with the same key, after Retry-After."""

    code = "money_unavailable"


class UnknownDrama(NotFound):
    """There is no such drama, or it is not shown any more."""

    code = "unknown_drama"


class UnknownEpisode(NotFound):
    """There is no such episode, or its drama is not shown any more."""

    code = "unknown_episode"


class NotReleased(ApiError):
    """The episode is not released yet; it will be at `release_ms`."""

    status, code = 403, "not_released"
    body_type = ReleaseBody

    def __init__(self, release_ms: int = 1_796_119_200_000, message: str = "") -> None:
        super().__init__(message)
        self.release_ms = release_ms

    def body(self) -> bytes:
        return msgspec.json.encode(ReleaseBody(ErrorDetail(self.code, self.message), self.release_ms))
