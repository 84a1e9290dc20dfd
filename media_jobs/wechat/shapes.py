"""WeChat's answers as we read them: only the fields that we use, numbers also where it sends them as text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from media_jobs.wechat.answers import Unclear

TAKEN_DOWN = 3  # status of a Drama
Shape = TypeVar("Shape", bound=msgspec.Struct)


class Detail(msgspec.Struct, frozen=True):
    """An audit: status 0 none, 1 pending, 2 rejected, 3 passed, 4 refill; times in s; of an episode also why."""

    status: int = 0
    create_time: int = 0
    audit_time: int = 0
    reason: str = ""


class Task(msgspec.Struct, frozen=True):
    """A pull: status 1 waits, 2 runs, 3 done, 4 failed."""

    status: int = 0
    errcode: int = 0
    errmsg: str = ""
    media_id: int = 0


class Media(msgspec.Struct, frozen=True):
    """An uploaded media; `file_size` in bytes, `duration` in s, `create_time` in s."""

    media_id: int
    name: str = ""
    create_time: int = 0
    drama_id: int = 0
    file_size: int = 0
    duration: int = 0
    source_context: str = ""
    audit_detail: Detail = Detail()


class MediaRef(msgspec.Struct, frozen=True):
    """An episode of a drama."""

    media_id: int


class Drama(msgspec.Struct, frozen=True):
    """A drama; `status` 0 plays, 1 in audit, 2 rejected, 3 taken down by the platform; `create_time` in s."""

    drama_id: int
    name: str = ""
    create_time: int = 0
    status: int = 0
    media_list: tuple[MediaRef, ...] = ()
    audit_detail: Detail = Detail()


class Link(msgspec.Struct, frozen=True):
    """Where a media plays for at most two hours; empty just after the audit passed, while WeChat transcodes."""

    media_id: int = 0
    duration: int = 0
    mp4_url: str = ""
    hls_url: str = ""


class Package(msgspec.Struct, frozen=True):
    """A traffic package, in MB (a GB is 1,000 of them); `end_time` in s."""

    used: int = 0
    all: int = 0
    end_time: int = 0
    status: int = 0
    is_deleted: int = 0


class Used(msgspec.Struct, frozen=True):
    """Traffic in bytes from `time` (s) on, for an interval."""

    time: int = 0
    value: int = 0


def read(answer: Any, shape: type[Shape]) -> Shape:
    """A part of an answer.  Raises Unclear for one that is not of this shape: what it says was done, we cannot tell."""
    try:
        return msgspec.convert({} if answer is None else answer, shape, strict=False)
    except msgspec.ValidationError as error:
        raise Unclear(f"an answer that is none: {error}") from error


def read_all(answer: Any, shape: type[Shape]) -> list[Shape]:
    """A list of them; null is none."""
    if not isinstance(answer, list | None):
        raise Unclear("an answer that is no list")
    return [read(one, shape) for one in answer or ()]


def named(answer: Mapping[str, Any], name: str) -> Any:
    """What the answer has to have.  Raises Unclear where it has not: whatever was done, it cannot be followed."""
    if not (value := answer.get(name)):
        raise Unclear(f"an answer without {name}")
    return value
