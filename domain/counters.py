"""The numbers kept for each drama: their names, order and text forms.  A new one goes at the end."""

from __future__ import annotations

from collections.abc import Iterable

COUNTERS = (
    "impressions", "clicks", "starts", "ends", "views", "valid_plays", "long_plays", "completes", "content_ms",
    "likes", "follows", "dislikes", "shares", "unlocks",
)  # fmt: skip
(
    IMPRESSIONS, CLICKS, STARTS, ENDS, VIEWS, VALID_PLAYS, LONG_PLAYS, COMPLETES, CONTENT_MS,
    LIKES, FOLLOWS, DISLIKES, SHARES, UNLOCKS,
) = range(len(COUNTERS))  # fmt: skip
_INDEX = {name: i for i, name in enumerate(COUNTERS)}


def field(drama_id: int, counter: int) -> str:
    """The field of keys.counters_part that holds this number of this drama."""
    return f"{drama_id}:{COUNTERS[counter]}"


def parse_field(name: str) -> tuple[int, int]:
    """(drama_id, counter): the inverse of field.  Raises ValueError or KeyError on what field does not write."""
    drama_id, counter = name.split(":")
    return int(drama_id), _INDEX[counter]


def encode(numbers: Iterable[int]) -> str:
    """The merged row of one drama (keys.COUNTERS): comma separated, in the order of COUNTERS."""
    return ",".join(map(str, numbers))


def decode(data: str | bytes | None) -> dict[str, int]:
    """The merged row by name; nothing yet is all 0, and so are numbers younger than the row.

    Raises ValueError on anything else.
    """
    if not data:
        return dict.fromkeys(COUNTERS, 0)
    text = data.decode() if isinstance(data, bytes) else data
    numbers = [int(x) for x in text.split(",")]
    numbers += [0] * (len(COUNTERS) - len(numbers))
    return dict(zip(COUNTERS, numbers, strict=False))
