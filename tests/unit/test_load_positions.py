"""Fences as somebody outside sees them: gone for a while, back in another namespace, or standing still."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from domain import keys
from juliu.load import positions
from juliu.load.positions import Fences, Stuck


class Moments:
    """A Redis that is asked for pointers and fences in turn; each moment is what both partitions' fences are."""

    def __init__(self, *moments: tuple[bytes | None, bytes | None]) -> None:
        self._moments: Iterator[tuple[bytes | None, bytes | None]] = iter(moments)
        self._last = moments[-1]

    async def mget(self, names: list[str]) -> list[bytes | None]:
        if names[0] == keys.namespace(0):
            return [b"1", b"1"]
        return list(next(self._moments, self._last))


def fences(*moments: tuple[bytes | None, bytes | None]) -> Fences:
    return Fences(Moments(*moments), 2)  # type: ignore[arg-type]


async def test_fences_that_are_gone_are_waited_for_and_the_group_comes_to_where_it_should():
    await fences((None, None), (b"4", None), (b"4", b"5"), (b"9", b"5"), (b"9", b"9")).wait("counters", [9, 9])


async def test_fences_that_do_not_come_back_are_named(monkeypatch):
    monkeypatch.setattr(positions, "STUCK_S", 0.05)
    with pytest.raises(Stuck, match="fences of group counters"):
        await fences((None, b"3")).wait("counters", [9, 9])


async def test_a_group_that_stands_still_is_named(monkeypatch):
    monkeypatch.setattr(positions, "STUCK_S", 0.05)
    with pytest.raises(Stuck, match=r"group store stands still at \[3, 3\]"):
        await fences((b"3", b"3")).wait("store", [9, 9])
