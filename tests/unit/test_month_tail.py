"""What the log gives of a gap is cut into its blocks, all of it or a refusal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from domain.topics import PULSE_KEY
from infra.log_reader import Entry
from juliu.rebuild.gaps import Gap
from juliu.rebuild.refused import Refused
from juliu.rebuild.tail import Tail

LOG = [Entry(offset, PULSE_KEY if offset % 5 == 4 else b"7", b"", 1) for offset in range(10, 25)]


class Log:
    """A log that has these, whatever it is asked for."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._entries = entries

    def records(self, _p: int, begin: int, end: int) -> Iterator[Entry]:
        """See LogReader."""
        return (entry for entry in self._entries if begin <= entry.offset < end)


def cut(entries: Sequence[Entry], last: int = 24) -> list[tuple[int, int]]:
    """First and last offset of the blocks of the gap 10-last."""
    tail = Tail.__new__(Tail)
    tail._log = Log(entries)  # type: ignore[assignment]
    blocks = tail._cut(Gap(0, 10, last, 20_000, {}))
    return [(block.first, block.last) for block, _, _ in blocks]


def test_a_gap_is_cut_at_its_pulses():
    assert cut(LOG) == [(10, 14), (15, 19), (20, 24)]


@pytest.mark.parametrize(
    ("entries", "why"),
    [
        (LOG[:10], "did not give 20-24"),  # it ends, quietly, where a block does
        (LOG[:12], "end inside a block"),
        ([*LOG[:6], *LOG[7:]], "lacks 16"),
        ([], "did not give 10-24"),
    ],
)
def test_a_log_that_does_not_give_all_of_it_is_refused(entries, why):
    with pytest.raises(Refused, match=why):
        cut(entries)
