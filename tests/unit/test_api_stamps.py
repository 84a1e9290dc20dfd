"""Stamps: the facts that the API adds to an event once and for all."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import events
from ingest_api.events.contract import Client
from ingest_api.events.stamps import LATENESS_MS, MAX_AHEAD_MS, MAX_BEHIND_MS, Receipt, Stamper, place_stamps, when
from tests.builders import NOW_MS, SESSION, an_event

CLIENT = Client(app_id="wx1", platform="weapp", version="1.2.0", network="wifi", scene=1001, channel='a"b\\c\n剧')
TIMES = st.integers(-(2**53) + 1, 2**53 - 1)


def stamped(event: dict[str, Any], place: bytes = b"", **receipt: Any) -> Any:
    """The event as a reader of the log decodes it."""
    given = {"user_id": 7, "session_id": SESSION, "received_at_ms": NOW_MS, "clock_offset_ms": 0, "client": CLIENT}
    wire = msgspec.convert(event, events.WIRE[event["type"]])
    return events.decode(Stamper(Receipt(**given | receipt)).stamped(wire, place))


@pytest.mark.parametrize(
    ("ts_minus_received_ms", "late", "reset"),
    [
        (0, False, False),
        (MAX_AHEAD_MS, False, False),
        (MAX_AHEAD_MS + 1, False, True),
        (-LATENESS_MS, False, False),
        (-LATENESS_MS - 1, True, False),
        (-MAX_BEHIND_MS, True, False),
        (-MAX_BEHIND_MS - 1, False, True),
    ],
)
def test_a_time_that_cannot_be_becomes_the_time_of_receipt(ts_minus_received_ms: int, late: bool, reset: bool) -> None:
    at_ms = NOW_MS + ts_minus_received_ms
    assert when(at_ms, 0, NOW_MS) == (NOW_MS if reset else at_ms, late, reset)


@pytest.mark.parametrize("at_ms", [0, 1, 4_070_908_800_000])
def test_an_event_of_1970_or_2099_happened_when_it_was_received(at_ms: int) -> None:
    event = stamped(an_event(at_ms=at_ms))
    assert (event.ts_ms, event.at_ms, event.clock_reset, event.late) == (NOW_MS, at_ms, True, False)


@pytest.mark.parametrize("year_1970_or_2099", [1_000, 4_070_908_800_000])
def test_a_clock_that_is_wrong_as_a_whole_still_tells_what_is_late(year_1970_or_2099: int) -> None:
    event = an_event(at_ms=year_1970_or_2099)
    soon, long_after = year_1970_or_2099 + LATENESS_MS, year_1970_or_2099 + LATENESS_MS + 1
    assert not stamped(event, sent_at_ms=soon).late
    again = stamped(event, sent_at_ms=long_after)
    assert (again.late, again.clock_reset, again.ts_ms) == (True, True, NOW_MS)


def test_a_clock_that_was_put_right_since_proves_nothing_about_what_was_before() -> None:
    assert not stamped(an_event(at_ms=1_000), sent_at_ms=NOW_MS).late


def test_the_devices_clock_is_put_right_before_it_is_judged() -> None:
    event = stamped(an_event(at_ms=5_000), clock_offset_ms=NOW_MS - 6_000)
    assert (event.ts_ms, event.clock_reset) == (NOW_MS - 1_000, False)


@given(at_ms=st.integers(0, 2**53 - 1), offset_ms=TIMES, received_ms=st.integers(1, 2**52))
def test_what_happened_is_never_far_from_when_it_was_received(at_ms: int, offset_ms: int, received_ms: int) -> None:
    ts_ms, late, reset = when(at_ms, offset_ms, received_ms)
    assert -MAX_AHEAD_MS <= received_ms - ts_ms <= MAX_BEHIND_MS
    assert late == (received_ms - ts_ms > LATENESS_MS)
    assert reset or ts_ms == at_ms + offset_ms


def test_a_record_holds_what_the_client_sent_and_every_stamp() -> None:
    sent = an_event("heartbeat", 3, request_id="r", stalls=1)
    event = stamped(sent, place_stamps(12, 90_000))
    read = msgspec.structs.asdict(event)
    assert {name: read[name] for name in sent if name != "type"} == {k: v for k, v in sent.items() if k != "type"}
    assert (event.user_id, event.session_id, event.received_at_ms, event.rule) == (7, SESSION, NOW_MS, 1)
    assert (event.drama_index, event.duration_ms) == (12, 90_000)
    assert Client(*(read[name] for name in Client.__struct_fields__)) == CLIENT


def test_the_rule_is_written_even_where_it_is_the_default() -> None:
    wire = msgspec.convert(an_event(), events.WIRE["liked"])
    record = Stamper(Receipt(7, SESSION, NOW_MS, 0, Client())).stamped(wire, b"")
    assert json.loads(record)["rule"] == events.RULE_VERSION


def test_ids_are_written_in_their_canonical_form() -> None:
    event = stamped(an_event(event_id="0190C5E29B1F7D428F607A1F0C2D3E4F"))
    assert event.event_id == "0190c5e2-9b1f-7d42-8f60-7a1f0c2d3e4f"


@pytest.mark.parametrize("kind", sorted(events.WIRE))
def test_every_public_event_can_be_read_back_from_the_log(kind: str) -> None:
    event = stamped(an_event(kind), place_stamps(1, 90_000 if hasattr(kind, "duration_ms") else None))
    assert type(event).__struct_config__.tag == kind
