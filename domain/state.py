"""State of a fold: hashes of cells, read as one list of what is needed.

It may be held between runs, because a run is applied only where the fence proves that nobody else has written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from domain import playback, registers, window
from domain.effects import Command

MAX_HELD = 20_000  # hashes of one partition, about 1 kB each


def progress_field(drama_id: int) -> str:
    """In keys.user: register of PROGRESS_WIDTH, where the viewer was last in this drama."""
    return f"g{drama_id}"


def marks_field(drama_id: int) -> str:
    """In keys.user: marks (domain.handlers.mark) of the viewer's plays that heated this drama."""
    return f"v{drama_id}"


def like_field(drama_id: int, episode_no: int) -> str:
    """In keys.user: register of REACTION_WIDTH."""
    return f"rl{drama_id}.{episode_no}"


def follow_field(drama_id: int) -> str:
    """In keys.user: register of REACTION_WIDTH."""
    return f"rf{drama_id}"


def dislike_field(drama_id: int) -> str:
    """In keys.user: register of REACTION_WIDTH."""
    return f"rd{drama_id}"


def play_field(play_id: str) -> str:
    """In keys.session: domain.playback."""
    return "p" + play_id


WINDOW = "w"  # in keys.session: domain.window

DECODERS: dict[str, Callable[[str | None], Any]] = {
    "w": window.decode,
    "p": playback.decode,
    "g": lambda data: registers.decode(data, registers.PROGRESS_WIDTH),
    "r": lambda data: registers.decode(data, registers.REACTION_WIDTH),
    "v": lambda data: tuple(map(int, data.split(","))) if data else (),
}
ENCODERS: dict[str, Callable[[Any], str]] = {
    "w": window.encode,
    "p": playback.encode,
    "g": registers.encode,
    "r": registers.encode,
    "v": lambda marks: ",".join(map(str, marks)),
}


class Hash:
    """One hash of the store, as far as it was asked for.

    `cells` is field -> decoded value: its kind's empty value where the store has none.
    """

    __slots__ = ("cells", "dirty", "expire_s", "key")

    def __init__(self, key: str) -> None:
        self.key, self.expire_s = key, 0
        self.cells: dict[str, Any] = {}
        self.dirty: set[str] = set()

    def put(self, field: str, value: Any) -> None:
        """Set a cell, to be written at the end of the run."""
        self.cells[field] = value
        self.dirty.add(field)


class State:
    """The hashes of one partition that are held.

    Sound only while the fence is where our last run left it: forget() on any refusal, reassignment, doubt or error.
    """

    def __init__(self, max_held: int = MAX_HELD) -> None:
        self.max_held = max_held
        self.hashes: dict[str, Hash] = {}
        self.missing: dict[str, list[str]] = {}  # what must be read before the fold: key -> fields

    def need(self, key: str, fields: Sequence[str]) -> Hash:
        """The hash, noting which of the fields are not held yet."""
        held = self.hashes.get(key)
        if held is None:
            held = self.hashes[key] = Hash(key)
            self.missing[key] = list(fields)
            return held
        cells = held.cells
        for field in fields:
            if field not in cells:
                wanted = self.missing.setdefault(key, [])
                if field not in wanted:
                    wanted.append(field)
        return held

    def fill(self, values: Sequence[Sequence[str | Literal[False] | None]]) -> None:
        """Take the answers to `missing`, in its order; None or False is a field that the store has not.

        Raises ValueError where the answers do not fit or a cell cannot be read: the store is broken, not the record.
        """
        for (key, fields), row in zip(self.missing.items(), values, strict=True):
            cells = self.hashes[key].cells
            for field, data in zip(fields, row, strict=True):
                cells[field] = DECODERS[field[0]](data or None)
        self.missing = {}

    def writes(self, touched: dict[str, Hash]) -> list[Command]:
        """HSET and EXPIRE commands for what changed, which then counts as written."""
        out: list[Command] = []
        for key, held in touched.items():
            if held.dirty:
                cells, command = held.cells, ["HSET", key]
                for field in held.dirty:
                    command += (field, ENCODERS[field[0]](cells[field]))
                out.append(command)
                held.dirty = set()
            if held.expire_s:
                out.append(["EXPIRE", key, held.expire_s])
                held.expire_s = 0
        return out

    def forget(self) -> None:
        """Hold nothing: what is needed next is read from the store."""
        self.hashes, self.missing = {}, {}

    def trim(self) -> None:
        """Let go of the hashes longest held, between runs."""
        while len(self.hashes) > self.max_held:
            del self.hashes[next(iter(self.hashes))]
