"""What WeChat pushes about media: read as it may come, believed never (the worker asks), so only who is meant is kept.

JSON or XML, keys in any case and with or without underscores; copies and gaps are normal.
Source: wx/server/event_push/mini_drama; the case of keys differs between pages and what arrives.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias
from xml.etree import ElementTree  # what comes in is small, signed, and has no DOCTYPE

MAX_BYTES = 65_536
MAX_DEPTH = 8
REPLACEMENT_AUDIT = 2
_CONTEXT = re.compile(r"(\d{1,18})\.\d{1,9}")


class Uploaded(NamedTuple):
    """A pull that this job asked for has come to something."""

    job_id: int


class Audited(NamedTuple):
    """WeChat's word on its drama `platform_id` has changed; `replacement`: on one of its episodes."""

    platform_id: int
    replacement: bool


Event: TypeAlias = Uploaded | Audited


class NoEvent(ValueError):
    """What came is neither JSON nor XML of a form that we read."""


def source_context(job_id: int, rounds: int) -> str:
    """What WeChat hands back with the event of a pull."""
    return f"{job_id}.{rounds}"


def event_of(body: bytes) -> Event | None:
    """What it is about; None for an event of another kind.  Raises NoEvent."""
    fields = fields_of(body)
    match str(fields.get("event", "")).lower():
        case "secvod_upload_event":
            found = _CONTEXT.fullmatch(str(_inside(fields, "uploadevent").get("sourcecontext", "")))
            return Uploaded(int(found[1])) if found else None
        case "secvod_audit_event":
            inner = _inside(fields, "auditevent")
            kind = _number(_inside(inner, "auditdetail").get("audittype"))
            platform_id = _number(inner.get("dramaid"))
            return Audited(platform_id, kind == REPLACEMENT_AUDIT) if platform_id else None
    return None


def fields_of(body: bytes) -> Mapping[str, Any]:
    """The fields by name, in small letters without underscores.  Raises NoEvent."""
    if len(body) > MAX_BYTES:
        raise NoEvent(f"more than {MAX_BYTES} bytes")
    try:
        text = body.decode().strip()
        fields = _plain(_xml(text) if text.startswith("<") else json.loads(text), MAX_DEPTH)
    except (ValueError, RecursionError, ElementTree.ParseError) as error:
        raise NoEvent(type(error).__name__) from error
    if not isinstance(fields, dict):
        raise NoEvent("no object")
    return fields


def _xml(text: str) -> Any:
    if "<!doctype" in text.lower() or "<!entity" in text.lower():
        raise NoEvent("a document type")
    return _children(ElementTree.fromstring(text), MAX_DEPTH)  # noqa: S314 - see above


def _children(element: ElementTree.Element, depth: int) -> Any:
    if depth == 0:
        raise NoEvent("too deep")
    return {child.tag: _children(child, depth - 1) for child in element} if len(element) else element.text or ""


def _plain(value: Any, depth: int) -> Any:
    if depth == 0:
        raise NoEvent("too deep")
    if isinstance(value, dict):
        return {str(key).replace("_", "").lower(): _plain(one, depth - 1) for key, one in value.items()}
    return value


def _inside(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    inner = fields.get(name)
    return inner if isinstance(inner, dict) else {}


def _number(value: Any) -> int:
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
