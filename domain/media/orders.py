"""What people order of media jobs, as it stands on juliu.media, and as ClickHouse keeps it in `media_orders`.

A record is written in the transaction that does what was ordered (MySQL's `media_records`), so there is none of what
was refused, or of what was so already; it is sent at least once and kept once, by `record_id`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

import msgspec

from domain.media.record import LAST_MS, MOST
from domain.media.steps import Kind

MAX_WHO, MAX_DETAIL, MAX_ID_LENGTH = 64, 300, 64


class Surface(StrEnum):
    """Where the order was given."""

    API = "api"
    CLI = "cli"


class By(NamedTuple):
    """Who orders: `who` is the staff's id at the API; at a terminal the name that was told, else `cli`."""

    surface: Surface
    who: str


AT_TERMINAL = By(Surface.CLI, "cli")


class What(StrEnum):
    """What was ordered."""

    SUBMIT = "submit"  # a file is to become an episode
    RETRY = "retry"
    CANCEL = "cancel"
    PUT = "put"  # a drama's papers were handed in or mended
    TICK = "tick"  # somebody has seen the record number in the opening
    PUBLISH = "publish"  # a drama is to be handed in for the platform's audit
    REPLACE = "replace"  # an episode of a drama that plays is to get another file
    POSTER = "poster"
    SCHEDULE = "schedule"  # from when on episodes may be watched
    RELEASE = "release"  # episodes may be watched now
    RECALL = "recall"  # a schedule that takes back what viewers could watch


OF_KIND = {Kind.EPISODE: What.SUBMIT, Kind.DRAMA: What.PUBLISH, Kind.REPLACEMENT: What.REPLACE}


class Ordered(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order that was carried out.  `job_id`, `episode_no`: 0 where there is none.

    `detail`: submit: the file's key; put, tick: the record number; replace: WeChat's number of the new file; poster:
    rendition/candidate; schedule, release, recall: how many at a time and when (`episode_no` is the first of them).
    """

    record_id: str
    at_ms: int
    what: What
    surface: Surface
    who: str
    drama_id: int
    episode_no: int = 0
    job_id: int = 0
    detail: str = ""


def encode(order: Ordered) -> bytes:
    """The order as it goes to the log; its detail is cut to what a column holds."""
    return _encode(msgspec.structs.replace(order, detail=order.detail[:MAX_DETAIL]))


def is_order(value: bytes) -> bool:
    """Whether a record of juliu.media is one: what says `what`.  False also for what cannot be read."""
    try:
        return _peek(value).what is not None
    except (msgspec.DecodeError, RecursionError):
        return False


def decode(value: bytes) -> Ordered:
    """The order.  Raises ValueError saying what is wrong, in at most 200 characters."""
    try:
        order = _decode(value)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"undecodable: {error}"[:200]) from error
    if wrong := _wrong(order):
        raise ValueError(wrong)
    return order


def _wrong(order: Ordered) -> str:
    """What no writer of ours says."""
    if not 0 < len(order.record_id) <= MAX_ID_LENGTH or not 0 < len(order.who) <= MAX_WHO:
        return "record_id or who is empty or too long"
    if len(order.detail) > MAX_DETAIL:
        return "detail is too long"
    if not (0 < order.at_ms <= LAST_MS and 0 <= order.job_id < MOST and 0 < order.drama_id < MOST):
        return "at_ms, job_id or drama_id is out of range"
    return "" if 0 <= order.episode_no < 1 << 32 else "episode_no is out of range"


class _Peek(msgspec.Struct):
    what: str | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Ordered).decode
_peek = msgspec.json.Decoder(_Peek).decode
