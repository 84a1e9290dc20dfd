"""The pure parts of a rebuild: when a record was stored, which sessions can go on, how values are compared."""

from __future__ import annotations

import pytest

from domain import events, keys
from juliu.rebuild import dump, sessions
from juliu.rebuild.bulk import pack
from juliu.rebuild.redis import check_log, check_rows
from juliu.rebuild.refused import Refused
from juliu.rebuild.rows import Row
from juliu.rebuild.stand import Part, Stand, Target
from tests.folding import START, VALID, an

HOUR = 3_600
NOW_S = 1_795_000_000 // HOUR * HOUR


def a_part(*hours: tuple[int, int]) -> Part:
    """Blocks that ended at (offset, hour before NOW_S)."""
    part = Part(fence=hours[-1][0])
    for last, ago in hours:
        part.add_hour(last, NOW_S - ago * HOUR)
    return part


def a_target(part: Part) -> Target:
    return Target(Stand({0: part}), {0: 5}, NOW_S)


def test_a_record_was_stored_by_the_end_of_the_hour_in_which_its_block_was():
    part = a_part((99, 30), (199, 20), (299, 0))
    assert [part.stored_by(offset) for offset in (0, 99, 100, 299)] == [
        NOW_S - 29 * HOUR, NOW_S - 29 * HOUR, NOW_S - 19 * HOUR, NOW_S + HOUR,
    ]  # fmt: skip


def test_sessions_are_looked_for_behind_what_was_stored_before_their_life():
    life_h = keys.SESSION_LIFE_S // HOUR
    part = a_part((99, life_h + 30), (199, life_h + 2), (299, life_h), (399, 0))
    assert Stand({0: part}).alive_from(NOW_S) == [200]
    assert Stand({0: Part()}).alive_from(NOW_S) == [0]


def test_a_clock_that_was_set_back_loses_no_session():
    part = a_part((199, 50), (150, 49), (299, 0))
    assert part.stored_by(180) == NOW_S - 49 * HOUR
    assert part.stored_since(NOW_S - 50 * HOUR) == 0


def test_a_key_lives_from_when_its_last_event_was_stored():
    target = a_target(a_part((99, 30), (299, 0)))
    assert target.life_s(0, 50, 100 * HOUR) == 71 * HOUR
    assert target.life_s(0, 250, 100 * HOUR) == 101 * HOUR


def rows(*events_: events.AnyEvent, step: int = 1) -> list[Row]:
    return [Row(0, at * step, event) for at, event in enumerate(events_)]


def test_a_session_that_paused_for_longer_than_its_life_begins_anew():
    life_h = keys.SESSION_LIFE_S // HOUR
    target = a_target(a_part((0, 2 * life_h), (100, life_h - 2), (200, 0)))
    some = rows(an(events.Shared, 1), an(events.Shared, 2), an(events.Shared, 3), step=100)
    assert sessions._since_it_slept(target, some) == some[1:]


def test_windows_and_playbacks_are_what_the_folds_write():
    (counters,) = sessions.counted(0, 5, rows(START, VALID))
    assert counters[:2] == ["HSET", keys.session("counters", 5, 0, START.user_id, START.session_id)]
    cells = dict(zip(counters[2::2], counters[3::2], strict=True))
    assert cells["p" + START.play_id] == "19,0,8000"  # view, valid and qualified
    (store,) = sessions.stored(0, 5, rows(START, VALID))
    assert store[1:] == [keys.session("store", 5, 0, START.user_id, START.session_id), "w", cells["w"]]


def test_an_event_that_cannot_be_folded_has_no_part_in_the_counters_window():
    spoilt = an(events.Heartbeat, 3, from_ms=8_000, to_ms=20_000, drama_index=2**30, play_id=VALID.play_id[:-1] + "9")
    (counters,) = sessions.counted(0, 5, rows(START, VALID, spoilt))
    (store,) = sessions.stored(0, 5, rows(START, VALID, spoilt))
    assert counters[counters.index("w") + 1].split(",")[2] == "2"
    assert store[store.index("w") + 1].split(",")[2] == "3"


class Log:
    """What the log holds."""

    def __init__(self, begin: int, end: int) -> None:
        self._bounds = (begin, end)

    def bounds(self, _: int) -> tuple[int, int]:
        return self._bounds


@pytest.mark.parametrize(
    ("begin", "end", "good"), [(0, 101, True), (101, 101, True), (102, 500, False), (0, 100, False)]
)
def test_the_log_must_go_on_behind_the_last_block(begin, end, good):
    part = a_part((100, 0))
    if good:
        check_log(0, part, Log(begin, end))  # type: ignore[arg-type]
        return
    with pytest.raises(Refused, match="nobody could go on"):
        check_log(0, part, Log(begin, end))  # type: ignore[arg-type]


def test_heat_may_differ_in_its_last_bits_and_nothing_else_may():
    heat = keys.heat_part("hot", 5, 0, 44)
    assert dump.differs(heat, {b"7": 1.0}, {b"7": 1.0 + 1e-12}) == []
    assert dump.differs(heat, {b"7": 1.0}, {b"7": 1.0 + 1e-8}) == ["7: 1.0, new 1.00000001"]
    assert dump.differs(heat, {b"7": 1.0}, {b"7": 1.0, b"8": 2.0}) == ["8: nothing, new 2.0"]
    assert dump.differs(keys.user(5, 0, 1), {b"g1": b"1"}, None) == ["{b'g1': b'1'}, new nothing"]
    assert dump.differs(keys.seen(5, 0, 1), b"\x01", b"\x01") == []


def test_numbers_that_are_zero_are_no_numbers():
    key = keys.counters_part(5, 0)
    assert dump.value(key, {b"7:likes": b"0", b"7:views": b"2"}) == {b"7:views": b"2"}
    assert dump.value(key, [b"7:likes", b"0"]) is None


def test_a_key_has_its_name_in_another_namespace():
    assert dump.renamed(keys.session("store", 5, 0, 1, "a:5:{0}"), 77) == keys.session("store", 77, 0, 1, "a:5:{0}")


def test_commands_are_packed_as_redis_reads_them():
    assert pack(("SET", "k", b"\x00\r\n", 7)) == b"*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$3\r\n\x00\r\n\r\n$1\r\n7\r\n"


@pytest.mark.parametrize("accept_missing", [False, True])
def test_rows_that_no_block_tells_of_are_refused_whoever_accepts_that_some_are_missing(accept_missing):
    with pytest.raises(Refused, match=r"more rows.*: 3 of partition 1"):
        check_rows({0: 5, 1: -3}, accept_missing)


def test_rows_that_are_missing_are_accepted_only_when_somebody_says_so():
    with pytest.raises(Refused, match=r"lacks rows.*: 5 of partition 0"):
        check_rows({0: 5}, False)
    check_rows({0: 5}, True)
    check_rows({}, False)
