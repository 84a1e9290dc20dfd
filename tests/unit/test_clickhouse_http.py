"""The store worker's way to ClickHouse where ClickHouse itself cannot be made to answer badly on demand."""

from __future__ import annotations

from typing import Any

from infra.clickhouse import http


class Dribbling:
    """An answer's content that comes in pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self.content, self.pieces = self, list(pieces)

    async def read(self, most: int) -> bytes:
        """What has come, `most` bytes of it; nothing at the end."""
        if not self.pieces:
            return b""
        first = self.pieces.pop(0)
        if first[most:]:
            self.pieces.insert(0, first[most:])
        return first[:most]


async def test_an_answer_is_read_to_its_end_however_it_comes() -> None:
    answer: Any = Dribbling(b"12\t0\t999", b"99\t1000", b"00\n")
    assert await http._whole(answer) == b"12\t0\t99999\t100000\n"


async def test_an_answer_without_end_is_cut_off(monkeypatch: Any) -> None:
    monkeypatch.setattr(http, "MAX_ANSWER", 7)
    answer: Any = Dribbling(b"12345", b"12345", b"12345")
    assert await http._whole(answer) == b"1234512"
