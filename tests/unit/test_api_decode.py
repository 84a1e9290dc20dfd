"""Reading a body: a bad event sinks only itself, a bad envelope says so."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import events
from ingest_api.errors import BadEnvelope, BadRequest, MalformedJson, TooDeep, TooManyEvents, Unprocessable
from ingest_api.events.contract import MAX_DETAIL, Rejected
from ingest_api.events.decode import SERVER_TYPES, read
from tests.builders import a_batch, a_body, a_session, an_event

DEEP = b"[" * 100_000 + b"]" * 100_000
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=8,
)


def with_raw(raw: bytes, *, field: bytes = b"request_id") -> bytes:
    """A batch of three whose second event has `field` set to raw bytes."""
    odd = a_body(an_event(seq=1), an_event(seq=2) | {field.decode(): "@@"}, an_event(seq=3))
    return odd.replace(b'"@@"', raw)


def outcome(body: bytes) -> list[str]:
    return [event.reason.value if isinstance(event, Rejected) else "ok" for event in read(body).events]


def test_a_good_batch_is_read_in_one_pass() -> None:
    found = read(a_body(*a_session(20)))
    assert found.originals is None
    assert [event.seq for event in found.events] == list(range(1, 21))


@pytest.mark.parametrize(
    ("raw", "field", "reason"),
    [
        (b"5", b"request_id", "malformed"),
        (b"null", b"request_id", "malformed"),
        (b'"' + b"x" * 65 + b'"', b"request_id", "malformed"),
        (b'"\xff\xfe"', b"request_id", "malformed"),
        (b'"a\\u0000b"', b"request_id", "malformed"),
        (b"0", b"seq", "bad_seq"),
        (b"-1", b"seq", "bad_seq"),
        (b"9007199254740992", b"seq", "bad_seq"),
        (b"9223372036854775808", b"seq", "bad_seq"),
        (b"9" * 5_000, b"seq", "bad_seq"),
        (b"1e400", b"seq", "bad_seq"),
        (b"2.0", b"seq", "bad_seq"),
        (b"true", b"seq", "bad_seq"),
        (b'"2"', b"seq", "bad_seq"),
        (b"null", b"seq", "bad_seq"),
        (b"-1", b"at_ms", "malformed"),
        (b"1e18", b"at_ms", "malformed"),
        (b"0", b"drama_id", "malformed"),
        (b"9007199254740992", b"drama_id", "malformed"),
        (b"0", b"episode_no", "malformed"),
        (b'"no-uuid"', b"event_id", "malformed"),
        (b"7", b"event_id", "malformed"),
        (b'"unlocked"', b"type", "not_public"),
        (b'"danced"', b"type", "unknown_type"),
        (b'""', b"type", "malformed"),
        (b"7", b"type", "malformed"),
        (b"[]", b"type", "malformed"),
        (b"{}", b"seq", "bad_seq"),
    ],
)
def test_a_bad_event_sinks_only_itself(raw: bytes, field: bytes, reason: str) -> None:
    assert outcome(with_raw(raw, field=field)) == ["ok", reason, "ok"]


@pytest.mark.parametrize("kind", ["impression", "clicked"])
@pytest.mark.parametrize(
    "raw", [b"NaN", b"-0.01", b"1.01", b"2", b"1e400", b"-1e400", b'"0.5"', b"null", b"true", b"[]"]
)
def test_what_is_no_chance_sinks_the_event(kind: str, raw: bytes) -> None:
    odd = an_event(kind, 2, propensity="@@")
    body = a_body(an_event(seq=1), odd, an_event(seq=3)).replace(b'"@@"', raw)
    if raw == b"NaN":  # no JSON at all, for this event or any other
        with pytest.raises(MalformedJson):
            read(body)
    else:
        assert outcome(body) == ["ok", "malformed", "ok"]


@pytest.mark.parametrize("raw", [b"0", b"1", b"0.0125", b"1e-7", b"-0.0", b"5e-324", b"1e-400"])
def test_a_chance_is_from_0_to_1(raw: bytes) -> None:
    body = a_body(an_event("impression", 1, propensity="@@")).replace(b'"@@"', raw)
    assert read(body).events[0].propensity == float(raw)


@pytest.mark.parametrize("raw", [b"5", b"null", b"[]", b'"event"', b"{}", b"true", b"1e400"])
def test_what_is_no_event_at_all_sinks_only_itself(raw: bytes) -> None:
    body = a_body(an_event(seq=1), {"@": 1}, an_event(seq=3)).replace(b'{"@": 1}', raw)
    assert outcome(body) == ["ok", "malformed", "ok"]


@pytest.mark.parametrize(
    "field", ["type", "event_id", "seq", "at_ms", "drama_id", "episode_no", "play_id", "from_ms", "to_ms"]
)
def test_what_is_required_may_not_be_missing(field: str) -> None:
    body = a_body(an_event(seq=1), an_event("heartbeat", 2) | {}, an_event(seq=3))
    whole = json.loads(body)
    del whole["events"][1][field]
    found = read(json.dumps(whole).encode())
    assert found.events[1].reason.value == "malformed"
    assert field in found.events[1].detail


@pytest.mark.parametrize("kind", sorted(SERVER_TYPES))
def test_no_client_may_say_what_the_server_alone_knows(kind: str) -> None:
    assert kind not in events.WIRE
    assert outcome(a_body(an_event(seq=1) | {"type": kind})) == ["not_public"]


def test_the_rejected_event_is_named_as_it_was_sent() -> None:
    body = a_body(an_event(seq=0, event_id="MINE"), an_event(event_id=["x"]), an_event(seq=1, event_id="x" * 1_000))
    assert [event.event_id for event in read(body).events] == ["MINE", "", "x" * 64]


def test_an_explanation_does_not_grow_with_what_was_sent() -> None:
    found = read(a_body(an_event() | {"type": "x" * 100_000}))
    assert len(found.events[0].detail) <= MAX_DETAIL


def test_the_original_of_a_rejected_event_is_kept_to_be_looked_at() -> None:
    found = read(with_raw(b"5"))
    assert b'"request_id": 5' in found.original(1)


def test_unknown_fields_are_no_fault() -> None:
    assert outcome(a_body(an_event() | {"mood": {"a": [1]}}, mood=1)) == ["ok"]


def test_nobody_stamps_his_own_event() -> None:
    mine = {
        "user_id": 99,
        "session_id": "x",
        "ts_ms": 1,
        "received_at_ms": 1,
        "late": True,
        "qualified": True,
        "rule": 9,
    }
    (event,) = read(a_body(an_event("play_started") | mine, user_id=99)).events
    assert not set(mine) & set(event.__struct_fields__)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
def test_not_a_number_is_not_json(text: str) -> None:
    with pytest.raises(MalformedJson):
        read(with_raw(text.encode(), field=b"position"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"\x00",
        b"{",
        b'{"events":[1,',
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"{'a':1}",
        a_body() + b"x",
        a_body()[:-5],
        b"\x1f\x8b",
    ],
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedJson):
        read(body)


def test_a_nul_byte_and_half_a_surrogate_are_not_json() -> None:
    for raw in (b'"\x00"', b'"\\ud800"'):
        with pytest.raises(MalformedJson):
            read(with_raw(raw))


@pytest.mark.parametrize(
    "body", [DEEP, a_body(an_event() | {"x": "@@"}).replace(b'"@@"', DEEP), b'{"x":' + DEEP + b"}"]
)
def test_deep_nesting_is_refused_and_harmless(body: bytes) -> None:
    with pytest.raises((TooDeep, BadEnvelope)):
        read(body)


@pytest.mark.parametrize(
    "envelope",
    [
        {"session_id": ...},
        {"session_id": "me"},
        {"session_id": 7},
        {"session_id": None},
        {"events": ...},
        {"events": {}},
        {"events": None},
        {"events": "liked"},
        {"sent_at_ms": "1"},
        {"sent_at_ms": -1},
        {"sent_at_ms": 2**63},
        {"clock_offset_ms": 2**53},
        {"clock_offset_ms": 1.5},
        {"client": []},
        {"client": {"scene": "1001"}},
        {"client": {"scene": -1}},
        {"client": {"platform": "x" * 65}},
        {"client": {"platform": "a\0b"}},
    ],
)
def test_a_bad_envelope_is_refused_whole(envelope: dict[str, Any]) -> None:
    with pytest.raises(BadEnvelope):
        read(json.dumps(a_batch(**envelope)).encode())


@pytest.mark.parametrize("body", [b"[]", b"5", b"null", b'"x"', b"{}"])
def test_json_that_is_no_batch_is_refused(body: bytes) -> None:
    with pytest.raises(BadEnvelope):
        read(body)


def test_an_envelope_may_leave_out_what_is_not_needed() -> None:
    found = read(json.dumps(a_batch(sent_at_ms=..., clock_offset_ms=..., client=...)).encode())
    assert (found.envelope.sent_at_ms, found.envelope.clock_offset_ms) == (0, 0)


def test_a_batch_has_a_bound_whether_its_events_are_good_or_not() -> None:
    assert len(read(a_body(*a_session(500))).events) == 500
    for events_sent in (a_session(501), [{} for _ in range(501)]):
        with pytest.raises(TooManyEvents, match="501"):
            read(json.dumps(a_batch(events=events_sent)).encode())


def test_an_empty_batch_is_a_right_one() -> None:
    assert read(json.dumps(a_batch(events=[])).encode()).events == []


@given(JSON)
def test_no_json_at_all_surprises_the_reader(value: Any) -> None:
    for body in (json.dumps(value), json.dumps(a_batch(events=[value, an_event()])), json.dumps(a_batch(client=value))):
        with suppress(BadRequest, Unprocessable, TooManyEvents):
            assert all(
                isinstance(event, msgspec.Struct) for event in read(body.encode("utf-8", "surrogatepass")).events
            )


@given(st.binary(max_size=200))
def test_no_bytes_at_all_surprise_the_reader(noise: bytes) -> None:
    good = a_body()
    for body in (noise, good[:40] + noise + good[40:], with_raw(b'"' + noise + b'"')):
        with suppress(BadRequest, Unprocessable, TooManyEvents):
            read(body)
