"""One playback: what was watched of one episode, and which thresholds that passed.

This is the playback rule, version 1 (events.RULE_VERSION): view 3 s, valid 7 s, long 18 s of unique content, or the
whole episode where that is shorter; complete is 95 % of it.  The rule in SQL is held to the same golden set
(tests/golden/playbacks.py).  Each threshold fires once a playback and never unfires.
"""

from __future__ import annotations

from domain import content

VIEW, VALID, LONG, COMPLETE, QUALIFIED = 1, 2, 4, 8, 16  # VALID and QUALIFIED together make its drama hotter
THRESHOLDS = VIEW | VALID | LONG | COMPLETE
VIEW_MS, VALID_MS, LONG_MS, COMPLETE_PERMILLE = 3_000, 7_000, 18_000, 950

Playback = tuple[int, ...]  # (bits, *union of content)
NEW: Playback = (0,)


def watch(play: Playback, from_ms: int, to_ms: int, duration_ms: int) -> tuple[int, int, Playback]:
    """(new milliseconds of content, bits that fired now, the playback after it).

    What lies past the end of the episode is cut off.
    """
    fresh, union = content.add(play[1:], max(0, from_ms), min(to_ms, duration_ms))
    if not fresh:
        return 0, 0, play
    bits = play[0]
    after = bits if bits & THRESHOLDS == THRESHOLDS else bits | passed(content.total(union), duration_ms)
    return fresh, after ^ bits, (after, *union)


def qualify(play: Playback) -> Playback:
    """The playback, which may now heat its drama."""
    return (play[0] | QUALIFIED, *play[1:])


def passed(content_ms: int, duration_ms: int) -> int:
    """Which thresholds this many milliseconds of unique content pass; both > 0."""
    bits = VIEW if content_ms >= min(VIEW_MS, duration_ms) else 0
    if content_ms >= min(VALID_MS, duration_ms):
        bits |= VALID
    if content_ms >= min(LONG_MS, duration_ms):
        bits |= LONG
    if content_ms * 1000 >= duration_ms * COMPLETE_PERMILLE:
        bits |= COMPLETE
    return bits


def encode(play: Playback) -> str:
    """Comma separated: bits, then each number as its distance from the one before it."""
    if len(play) == 3:
        return f"{play[0]},{play[1]},{play[2] - play[1]}"
    return ",".join([str(play[0]), *(str(b - a) for a, b in zip((0, *play[1:-1]), play[1:], strict=False))])


def decode(data: str | None) -> Playback:
    """The inverse of encode; nothing yet is NEW.  Raises ValueError on what encode does not write."""
    if data is None:
        return NEW
    out = [int(x) for x in data.split(",")]
    if len(out) % 2 == 0:
        raise ValueError(f"not a playback: {data!r}")
    for i in range(2, len(out)):
        out[i] += out[i - 1]
    return tuple(out)
