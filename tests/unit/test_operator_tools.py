"""The operator's tools without servers: what a letter says, what is printed, what is compared when."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import pytest
import typer

from infra.log_reader import Entry
from juliu.commands.moments import moment, words
from juliu.dead import letters
from juliu.dead.letters import Case, Resolution
from juliu.dead.replay import PAGE, Replay, Replayed, why_stop
from juliu.dead.sending import Again
from juliu.dead.summary import kinds, printable
from juliu.verify.chain import StoredBlock
from juliu.verify.counting import Part, read
from juliu.verify.found import MOST, Compared, Report
from juliu.verify.log import SLICE, slices
from juliu.verify.pages import DRAMAS, Page
from streams.dead import AT_LEAST


def a_letter(
    number: int, offset: int = 7, group: str = "counters", reason: str = "unfoldable: x", **more: str
) -> Entry:
    """A record of juliu.dead."""
    says = {"topic": "juliu.events", "partition": "3", "offset": str(offset), "group": group, "reason": reason}
    headers = [(name, value.encode()) for name, value in (says | {"version": "v"} | more).items()]
    return Entry(number, b"k", b"bytes", 1_000 + number, headers)


def a_resolution(number: int, case: Case, what: Any, to: int = -1) -> Entry:
    """What an operator did."""
    return Entry(number, None, b"", 1_000 + number, letters.resolving(case, what, "because", "v2", to))


def test_letters_of_both_groups_and_copies_are_one_case() -> None:
    found = letters.cases([a_letter(0), a_letter(1, group="store"), a_letter(2), a_letter(3, offset=8)])
    assert {ref: case.groups for ref, case in found.items()} == {
        "juliu.events:3:7": ["counters", "store"],
        "juliu.events:3:8": ["counters"],
    }
    assert [letter.number for letter in found["juliu.events:3:7"].letters] == [0, 1]


def test_a_case_is_open_until_something_was_done_and_says_what() -> None:
    first = letters.cases([a_letter(0), a_letter(1, offset=8)])
    case = first["juliu.events:3:7"]
    again = letters.cases([a_letter(0), a_letter(1, offset=8), a_resolution(2, case, "replayed", to=90)])
    assert [case.ref for case in letters.open_cases(again)] == ["juliu.events:3:8"]
    assert again["juliu.events:3:7"].done == Resolution("juliu.events:3:7", "replayed", 1_002, 90, "because")


def test_every_record_of_the_topic_has_the_headers_that_its_readers_know() -> None:
    (case,) = letters.cases([a_letter(0)]).values()
    says = dict(letters.resolving(case, "dropped", "x" * 999, "v2"))
    assert {"topic", "partition", "offset", "group", "reason", "version"} <= says.keys()
    assert says["group"] == b"operator"
    assert max(map(len, says.values())) <= 200


def test_a_letter_may_say_nothing_or_nonsense() -> None:
    (case,) = letters.cases(
        [Entry(5, None, None, -1, [("offset", b"\xff"), ("what", b"dropped"), ("ref", None)])]
    ).values()
    assert (case.ref, case.groups, case.first.reason) == ("juliu.dead:0:5", ["?"], "?")
    assert not case.replayable


def test_samples_of_the_api_are_named_by_themselves_and_are_not_replayable() -> None:
    sample = a_letter(4, offset=-1, group="api", partition="-1")
    found = letters.cases([sample, a_letter(5, offset=-1, group="api", partition="-1")])
    assert list(found) == ["juliu.dead:0:4", "juliu.dead:0:5"]
    assert not any(case.replayable for case in found.values())


def test_letters_are_chosen_by_group_and_reason() -> None:
    all_ = [a_letter(0), a_letter(1, offset=8, reason="undecodable: y"), a_letter(2, offset=8, group="store")]
    assert list(letters.cases(all_, group="store")) == ["juliu.events:3:8"]
    assert list(letters.cases(all_, reason="undecodable")) == ["juliu.events:3:8"]
    assert letters.cases(all_, group="store", reason="undecodable") == {}


def test_reasons_are_told_with_numbers_and_a_few_samples() -> None:
    some = letters.cases([a_letter(n, offset=n, reason=f"undecodable: byte {n}") for n in range(9)])
    some["juliu.events:3:0"].done = Resolution("juliu.events:3:0", "dropped", 1, -1, "")
    (kind,) = kinds(some.values())
    assert (kind.reason, kind.open, kind.dropped, kind.first_ms, kind.last_ms) == ("undecodable", 8, 1, 1_000, 1_008)
    assert [sample.number for sample in kind.samples] == [1, 2, 3]


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (b"plain", "plain"), ("追剧".encode(), "追剧"), (b"\x1b[2J\x07", "\\x1b[2J\\x07"), (b"\xff\xfe", "\\xff\\xfe"),
        (b"a\nb\tc", "a\\nb\\tc"), ("\u202eabc".encode(), "\\u202eabc"), (b"x" * 30, "x" * 20 + " … (30 bytes)"),
    ],
)  # fmt: skip
def test_what_is_printed_cannot_steer_the_terminal(value: bytes, printed: str) -> None:
    assert printable(value, 20) == printed


def test_a_moment_is_said_as_people_say_it() -> None:
    assert moment("") is None
    before_s, said, after_s = time.time(), moment("2h"), time.time()
    assert int((before_s - 7_200) * 1000) <= (said or 0) <= (after_s - 7_200) * 1000
    assert moment("2026-11-28") == datetime.fromisoformat("2026-11-28T00:00+08:00").timestamp() * 1000
    assert words(moment("2026-11-28 13:00")) == "2026-11-28 13:00:00"
    assert moment("2026-11-28T05:00+00:00") == moment("2026-11-28 13:00")
    for text in ("yesterday", "2x", "-3d", "2026-13-01"):
        with pytest.raises(typer.BadParameter):
            moment(text)


class Moving:
    """Pages whose dramas change while they are read: `fences` of one page after the other."""

    def __init__(self, fences: Sequence[int], changed: dict[int, int]) -> None:
        self.fences, self.changed = fences, changed

    def pages(self, dramas: Sequence[int]) -> Iterator[Page]:
        """See Pages."""
        for i, fence in enumerate(self.fences):
            page = dramas[i * DRAMAS : (i + 1) * DRAMAS]
            yield Page(fence, {drama: {"starts": fence} for drama in page}, {d: self.changed.get(d, 0) for d in page})


def test_what_changed_after_the_first_page_was_read_is_left_for_the_next_round() -> None:
    dramas = list(range(3 * DRAMAS))
    changed = {1: 100, DRAMAS: 100, DRAMAS + 1: 101, 2 * DRAMAS: 117}
    part = Part(Moving([100, 110, 120], changed), Compared(0), dramas, set(dramas))  # type: ignore[arg-type]
    fence, numbers, later = read(part)
    assert fence == 100
    assert later == [DRAMAS + 1, 2 * DRAMAS]
    assert sorted([*numbers, *later]) == dramas


def a_block(first: int, last: int) -> StoredBlock:
    """A row of `blocks`."""
    return StoredBlock(first, last, last - first + 1, 0, 0, 0, 0, 0)


def test_the_log_is_read_in_slices_of_whole_blocks_that_follow_each_other() -> None:
    half = SLICE // 2
    small = [a_block(at, at + half - 1) for at in range(0, 5 * half, half)]
    assert [(part[0].first, part[-1].last) for part in slices(iter([small[:2], small[2:]]), 0)] == [
        (0, 2 * half - 1), (2 * half, 4 * half - 1), (4 * half, 5 * half - 1),
    ]  # fmt: skip
    assert [part[0].first for part in slices(iter([small]), half + 1)] == [2 * half, 4 * half]
    with_hole = [a_block(0, 9), a_block(20, 29), a_block(20, 29), a_block(30, 39)]
    assert [[block.first for block in part] for part in slices(iter([with_hole]), 0)] == [[0], [20, 30]]
    large = [a_block(0, 9), a_block(10, 10 + 2 * SLICE), a_block(11 + 2 * SLICE, 12 + 2 * SLICE)]
    assert [len(part) for part in slices(iter([large]), 0)] == [1, 1, 1]


def test_a_report_tells_the_first_differences_of_a_rule_and_counts_the_rest() -> None:
    report = Report()
    for n in range(MOST + 5):
        report.differs("rule", 1, str(n), "a", "b")
    report.differs("rule", 2, "0", "a", "b")
    assert len(report.differences) == MOST + 1
    assert report.more == {"rule": 5}
    assert not report.ok


def replayed(of_page: Sequence[str]) -> list[Again]:
    """A page of records that became this in the counters group."""
    return [Again("juliu.events:0:1", 0, None, b"", became={"counters": word, "store": "counted"}) for word in of_page]


def test_a_replay_ends_before_it_uses_up_the_budget_of_the_workers() -> None:
    done, pages = Replay(), 0
    page = replayed(["dead again"] * 80 + ["counted"] * 120)  # never the most of a page
    while not (why := why_stop(page, done)):
        done.records += [Replayed(one.ref, 1, one.became) for one in page]
        pages += 1
        assert pages < 100
    dead = sum("dead again" in one.became.values() for one in done.records)
    assert "budget" in why
    assert dead + PAGE < AT_LEAST


def test_a_replay_ends_at_once_where_most_of_a_page_is_dead_again() -> None:
    assert "cannot take them" in why_stop(replayed(["dead again"] * 2 + ["counted"]), Replay())
    assert not why_stop(replayed(["dead again"] + ["counted"] * 2), Replay())
