"""How a person says when: `2h` or `3d` ago, `2026-11-28`, `2026-11-28 13:00`; days and times are of Asia/Shanghai."""

from __future__ import annotations

import re
import time
from datetime import date, datetime
from zoneinfo import ZoneInfo

import typer

ZONE = ZoneInfo("Asia/Shanghai")
_AGO = re.compile(r"(\d{1,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
HELP = "30m, 2h, 3d ago; or 2026-11-28, '2026-11-28 13:00' (Asia/Shanghai)"


def moment(text: str) -> int | None:
    """Milliseconds since 1970; None for "".  Raises typer.BadParameter."""
    if not text:
        return None
    if ago := _AGO.fullmatch(text):
        return int((time.time() - int(ago[1]) * _SECONDS[ago[2]]) * 1000)
    try:
        return iso_ms(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r}: {HELP}") from error


def day(text: str, default: date) -> date:
    """A day, `default` for "".  Raises typer.BadParameter."""
    try:
        return date.fromisoformat(text) if text else default
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no day as 2026-11-01") from error


def iso_ms(text: str) -> int:
    """Milliseconds since 1970 of an ISO date or time, Shanghai's unless it says.  Raises ValueError."""
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=ZONE)).timestamp() * 1000)


def words(at_ms: int | None) -> str:
    """The same for people, to the second."""
    return "" if at_ms is None else datetime.fromtimestamp(at_ms / 1000, ZONE).strftime("%Y-%m-%d %H:%M:%S")
