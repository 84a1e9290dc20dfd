"""Last-writer registers: the highest (ts, session, seq) wins, whatever arrives when.

A tombstone is a register that is off.
"""

from __future__ import annotations

Stamp = tuple[int, str, int]  # ts_ms, session_id, seq: a total order, no two events of a viewer share one
Register = tuple[Stamp, tuple[int, ...]]  # who wrote last, and the value

PROGRESS_WIDTH = 2  # (episode_no, position_ms)
REACTION_WIDTH = 1  # 1 on, 0 off


def write(old: Register | None, stamp: Stamp, value: tuple[int, ...]) -> Register | None:
    """The register after the write; None when what is there is as new or newer (nothing changes)."""
    return None if old is not None and old[0] >= stamp else (stamp, value)


def encode(register: Register) -> str:
    """`ts,seq,value...,session`: the session comes last, so it may hold anything."""
    (ts_ms, session_id, seq), value = register
    return f"{ts_ms},{seq},{','.join(map(str, value))},{session_id}"


def decode(data: str | None, width: int) -> Register | None:
    """The inverse of encode for a value of `width` integers; nothing yet is None.

    Raises ValueError on what encode does not write.
    """
    if data is None:
        return None
    parts = data.split(",", 2 + width)
    if len(parts) != 3 + width:
        raise ValueError(f"not a register of {width}: {data!r}")
    ts_ms, seq, *value = map(int, parts[:-1])
    return (ts_ms, parts[-1], seq), tuple(value)
