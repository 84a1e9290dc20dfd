"""The union of content watched: ascending half-open ranges of milliseconds that do not touch, as one flat tuple."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

# Of one playback; past it the two nearest become one: at most the hole between them is over-counted, once.
MAX_RANGES = 64
Union = tuple[int, ...]  # (a, b, a, b ...)


def add(union: Union, start_ms: int, end_ms: int) -> tuple[int, Union]:
    """(milliseconds that are new, the union with start_ms..end_ms).  An empty or backward range adds nothing.

    Idempotent, and neither the union nor the sum of what was new depends on the order, below MAX_RANGES.
    """
    if end_ms <= start_ms:
        return 0, union
    if not union:
        return end_ms - start_ms, (start_ms, end_ms)
    if start_ms >= union[-2]:  # watching on, the usual case: only the last range can touch
        return _at_the_end(union, start_ms, end_ms)
    i, j = bisect_left(union, start_ms), bisect_right(union, end_ms)
    left = () if i % 2 else (start_ms,)
    right = () if j % 2 else (end_ms,)
    merged = (*union[:i], *left, *right, *union[j:])
    return total(merged) - total(union), _bounded(merged)


def _at_the_end(union: Union, start_ms: int, end_ms: int) -> tuple[int, Union]:
    """The same for a range that begins in or after the last one."""
    last = union[-1]
    if start_ms > last:
        return end_ms - start_ms, _bounded((*union, start_ms, end_ms))
    return (end_ms - last, (*union[:-1], end_ms)) if end_ms > last else (0, union)


def _bounded(union: Union) -> Union:
    """The union with at most MAX_RANGES ranges: the shortest hole is filled."""
    if len(union) <= 2 * MAX_RANGES:
        return union
    at = min(range(1, len(union) - 1, 2), key=lambda i: union[i + 1] - union[i])
    return (*union[:at], *union[at + 2 :])


def total(union: Union) -> int:
    """Milliseconds in the union."""
    return sum(union[1::2]) - sum(union[::2])
