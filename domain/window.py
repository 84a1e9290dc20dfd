"""Which events of one (user, session) were seen: the highest seq, and the ranges missing below it.

Promise: for one set of seqs, neither the window nor the accepted set depends on the order of arrival, as long as no
more than MAX_GAPS ranges are missing at once.  Past that bound the lowest gap is closed and its seqs answer TOO_OLD
for ever after: they are not counted (never twice beats always once), and not called duplicates either; the caller puts
them where late events go.  That decision too is a function of the log alone, so every group that reads the log agrees.
"""

from __future__ import annotations

from bisect import bisect_right

MAX_GAPS = 32  # keeps a window below 500 bytes; a client that loses more ranges in one session is broken
NEW, SEEN, TOO_OLD = 0, 1, 2
HOUR_MS = 3_600_000

# (last received hour, floor, highest, gap first, gap last, ...), gaps ascending, all above the floor.
Window = tuple[int, ...]
EMPTY: Window = (0, 0, 0)


def add(window: Window, seq: int, received_h: int) -> tuple[int, Window]:
    """(NEW | SEEN | TOO_OLD, the window after it).

    `seq` >= 1; `received_h` is received_at in hours since 1970.  O(gaps).
    """
    last_h, floor, high = window[0], window[1], window[2]
    last_h = received_h if received_h > last_h else last_h
    if seq == high + 1:  # nearly always
        return NEW, (last_h, floor, seq, *window[3:])
    if seq > high:
        return NEW, _bounded((last_h, floor, seq, *window[3:], high + 1, seq - 1))
    if seq <= floor:
        return TOO_OLD, window
    return _below_highest(window, seq, last_h)


def _below_highest(window: Window, seq: int, last_h: int) -> tuple[int, Window]:
    """The answer for a seq between the floor and the highest: NEW only inside a gap, which it shortens or splits."""
    gaps = window[3:]
    at = bisect_right(gaps, seq)  # odd: inside a gap, whose first is at - 1; even: after a gap, or at its very last
    if at % 2 == 0:
        if not at or gaps[at - 1] != seq:
            return SEEN, window
        at -= 1
    first, last = gaps[at - 1], gaps[at]
    left = () if first == seq else (first, seq - 1)
    right = () if last == seq else (seq + 1, last)
    return NEW, _bounded((last_h, *window[1:3], *gaps[: at - 1], *left, *right, *gaps[at + 1 :]))


def _bounded(window: Window) -> Window:
    """The window with at most MAX_GAPS gaps: the floor rises over the lowest."""
    if len(window) <= 3 + 2 * MAX_GAPS:
        return window
    return (window[0], window[4], window[2], *window[5:])


def encode(window: Window) -> str:
    """`hour,floor,high`, then for each gap its distance from the end of what precedes it and its length - 1.

    11 to 13 bytes when nothing is missing.
    """
    if len(window) == 3:
        return f"{window[0]},{window[1]},{window[2]}"
    out, at = [window[0], window[1], window[2]], window[1]
    for i in range(3, len(window), 2):
        out += (window[i] - at, window[i + 1] - window[i])
        at = window[i + 1]
    return ",".join(map(str, out))


def decode(data: str | None) -> Window:
    """The inverse of encode; nothing yet is EMPTY.  Raises ValueError on what encode does not write."""
    if data is None:
        return EMPTY
    out = [int(x) for x in data.split(",")]
    if len(out) == 3:
        return tuple(out)
    if len(out) < 3 or len(out) % 2 == 0:
        raise ValueError(f"not a window: {data!r}")
    at = out[1]
    for i in range(3, len(out), 2):
        out[i] += at
        at = out[i + 1] = out[i] + out[i + 1]
    return tuple(out)
