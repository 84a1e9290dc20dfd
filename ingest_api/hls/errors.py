"""Why a player gets no playlist, segment or key."""

from __future__ import annotations

from ingest_api.errors import ApiError


class AnothersAddress(ApiError):
    """This address was given to another viewer; ask GET .../play for your own."""

    status, code = 403, "anothers_address"


class KeyRefused(ApiError):
    """The episode is not open to the viewer of this address; ask GET .../play what it costs."""

    status, code = 403, "key_refused"
