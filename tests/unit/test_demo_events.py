"""From an exposure to numbered events and requests, and the ledger that counts them."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from domain import events as wire
from juliu.demo.events import Composer, events_of, intervals, uuid_head
from juliu.demo.ledger import Ledger
from juliu.demo.log import Exposure

NOW_MS = int(datetime(2026, 3, 5, 12, tzinfo=ZoneInfo("Asia/Shanghai")).timestamp() * 1000)
HEAD = uuid_head(0, 5, 9)


class Body(msgspec.Struct, forbid_unknown_fields=True):
    session_id: uuid.UUID
    sent_at_ms: int
    clock_offset_ms: int
    client: dict[str, str | int]
    events: list[msgspec.Raw]


def shown(play_ms: int = 0, **changed) -> Exposure:
    fields = dict(
        user_id=5, drama_id=3, at_ms=1_000_000, play_ms=play_ms, liked=False, followed=False, tab=1, session=9,
        ends_session=True,
    )  # fmt: skip
    return Exposure(**{**fields, **changed})


def told(exposure: Exposure, duration_ms: int = 60_000, seq: int = 1) -> list[msgspec.Struct]:
    """The events of an exposure, read with the API's own types."""
    return [read(text) for text in events_of(exposure, duration_ms, HEAD, seq)]


def read(text: str | msgspec.Raw) -> msgspec.Struct:
    kind = msgspec.json.decode(text)["type"]
    return msgspec.json.decode(text, type=wire.WIRE[kind])


def names(events: list[msgspec.Struct]) -> list[str]:
    return [type(event).__struct_config__.tag for event in events]


@pytest.mark.parametrize(
    ("play_ms", "duration_ms", "expected"),
    [
        (1, 9_000, [(0, 1)]),
        (5_000, 9_000, [(0, 5_000)]),
        (5_001, 9_000, [(0, 5_000), (5_000, 5_001)]),
        (12_000, 9_000, [(0, 5_000), (5_000, 9_000), (0, 1_000), (1_000, 3_000)]),
        (9_000, 9_000, [(0, 5_000), (5_000, 9_000)]),
        (11_000, 5_000, [(0, 5_000), (0, 5_000), (0, 1_000)]),
        (2_500, 1_000, [(0, 1_000), (0, 1_000), (0, 500)]),
    ],
)
def test_watching_is_cut_every_five_seconds_and_where_the_video_begins_again(play_ms, duration_ms, expected):
    cut = list(intervals(play_ms, duration_ms))
    assert [(i.from_ms, i.to_ms) for i in cut] == expected
    assert sum(i.to_ms - i.from_ms for i in cut) == cut[-1].watched_ms == play_ms


def test_a_video_scrolled_past_is_an_impression():
    assert names(told(shown(play_ms=0))) == ["impression"]


def test_a_play_is_told_in_order_and_numbered():
    events = told(shown(play_ms=12_000, liked=True, followed=True), seq=4)
    assert names(events) == ["impression", "play_started", "heartbeat", "heartbeat", "play_ended", "liked", "followed"]
    assert [event.seq for event in events] == [4, 5, 6, 7, 8, 9, 10]
    assert [event.at_ms - 1_000_000 for event in events] == [0, 0, 5_000, 10_000, 12_000, 12_000, 12_000]
    assert len({event.play_id for event in events[1:5]}) == 1
    assert len({event.event_id for event in events}) == 7


def test_a_like_without_a_play_is_told():
    assert [event.seq for event in told(shown(liked=True))] == [1, 2]


def test_the_same_seed_gives_the_same_uuids():
    assert uuid_head(1, 5, 9) == uuid_head(1, 5, 9)
    assert len({uuid_head(1, 5, 9), uuid_head(2, 5, 9), uuid_head(1, 6, 9), uuid_head(1, 5, 8)}) == 4
    assert uuid.UUID(uuid_head(1, 5, 9) + "-000000000000").version == 8


def composed(parts: list[list[Exposure]], durations: dict[int, int] | None = None) -> tuple[list[list[Body]], Ledger]:
    ledger = Ledger()
    composer = Composer(durations or {3: 60_000}, ledger)
    return [[msgspec.json.decode(r.body, type=Body) for r in composer.requests(p)] for p in parts], ledger


def seqs(body: Body) -> list[int]:
    return [read(event).seq for event in body.events]


def test_a_request_carries_nine_events_and_the_last_one_the_rest():
    [bodies], _ = composed([[shown(play_ms=50_000)]])
    assert [seqs(body) for body in bodies] == [[1, 2, 3, 4, 5, 6, 7, 8, 9], [10, 11, 12]]
    assert bodies[0].sent_at_ms == 1_050_000


def test_two_sessions_are_not_mixed():
    [bodies], _ = composed([[shown(session=1, ends_session=False), shown(session=2), shown(session=1)]])
    assert [len(body.events) for body in bodies] == [1, 2]
    assert bodies[0].session_id != bodies[1].session_id


def test_a_session_goes_on_in_the_next_part_with_its_numbers():
    first, second = shown(ends_session=False), shown(play_ms=1_000, at_ms=2_000_000)
    [before, after], ledger = composed([[first], [second]])
    assert [seqs(body) for body in before + after] == [[1], [2, 3, 4]]
    assert before[0].session_id == after[0].session_id
    assert ledger.sent == 4


def test_sending_times_of_a_session_never_go_back():
    long_play = shown(play_ms=100_000, ends_session=False)
    [bodies], _ = composed([[long_play, shown(at_ms=1_010_000)]])
    assert [body.sent_at_ms for body in bodies] == sorted(body.sent_at_ms for body in bodies)


def test_the_ledger_counts_one_exposure_by_hand():
    _, ledger = composed([[shown(play_ms=70_000, liked=True)]])
    assert ledger.events == Counter(impression=1, play_started=1, heartbeat=13, play_ended=1, liked=1)
    assert ledger.dramas[3] == Counter(
        impressions=1, starts=1, ends=1, views=1, valid_plays=1, long_plays=1, completes=1, content_ms=60_000, likes=1
    )


@pytest.mark.parametrize(
    ("play_ms", "duration_ms", "reached"),
    [
        (2_999, 60_000, []),
        (3_000, 60_000, ["views"]),
        (7_000, 60_000, ["views", "valid_plays"]),
        (18_000, 60_000, ["views", "valid_plays", "long_plays"]),
        (57_000, 60_000, ["views", "valid_plays", "long_plays", "completes"]),
        (1_900, 2_000, ["completes"]),
        (2_000, 2_000, ["views", "valid_plays", "long_plays", "completes"]),
    ],
)
def test_the_ledger_knows_the_playback_rule(play_ms, duration_ms, reached):
    _, ledger = composed([[shown(play_ms=play_ms)]], {3: duration_ms})
    steps = ("views", "valid_plays", "long_plays", "completes")
    assert [step for step in steps if ledger.dramas[3][step]] == reached


def test_a_second_like_is_an_event_but_no_second_like():
    _, ledger = composed([[shown(liked=True, session=1), shown(liked=True, session=2), shown(liked=True, user_id=6)]])
    assert ledger.events["liked"] == 3
    assert ledger.total()["likes"] == 2
