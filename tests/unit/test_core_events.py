"""The shapes of the log: what was ever released decodes for ever, and a client cannot send a stamp.

corpus/vN.jsonl holds records of every event type as version N wrote them, in log form.  A file is never edited: an
event type or a field that comes later gets a line in a new file.
"""

from __future__ import annotations

import pathlib

import msgspec
import pytest

from domain import events
from domain.events import ALL, PUBLIC, SERVER, STAMPS, WIRE

CORPUS = pathlib.Path(__file__).parent / "corpus"
RELEASED = [line for file in sorted(CORPUS.glob("v*.jsonl")) for line in file.read_bytes().splitlines()]
UUID = "0b8f6a52-7c1e-4c3b-9f5e-2f1f0a9d6c01"
SENT = {
    "event_id": UUID.upper(), "seq": 1, "at_ms": 1, "play_id": UUID, "drama_id": 7, "episode_no": 1,
    "from_ms": 0, "to_ms": 5,
}  # fmt: skip


def fields_of(kind):
    return {field.name for field in msgspec.structs.fields(kind)}


@pytest.mark.parametrize("line", RELEASED)
def test_what_was_ever_written_decodes_and_loses_nothing(line):
    event = events.decode(line)
    was, now = msgspec.json.decode(line), msgspec.json.decode(events.encode(event))
    defaults = {field.name: field.default for field in msgspec.structs.fields(type(event)) if not field.required}
    assert {name: value for name, value in was.items() if name not in defaults or defaults[name] != value} == now


@pytest.mark.parametrize("line", RELEASED)
def test_the_row_store_sees_who_and_when_of_every_record(line):
    event, head = events.decode(line), events.decode_head(line)
    for name in fields_of(events.Head):
        assert getattr(head, name) == getattr(event, name)


def test_the_corpus_has_every_event_type_short_and_in_full():
    written = [events.decode(line) for line in RELEASED]
    assert {type(event) for event in written} == set(ALL)
    for kind in ALL:
        names = [msgspec.json.decode(events.encode(e)).keys() - {"type"} for e in written if type(e) is kind]
        assert max(names, key=len) >= fields_of(kind) - {"ticket"}, f"{kind.__name__} in full"
        assert len(min(names, key=len)) < len(max(names, key=len)), f"{kind.__name__} with defaults left out"


def test_a_record_without_a_rule_was_made_under_the_first():
    assert next(field.default for field in msgspec.structs.fields(events.Event) if field.name == "rule") == 1


def test_unknown_fields_of_a_later_version_are_passed_over():
    line = RELEASED[0][:-1] + b',"a_field_of_tomorrow":{"x":[1]}}'
    assert events.decode(line) == events.decode(RELEASED[0])


@pytest.mark.parametrize("kind", PUBLIC)
def test_a_client_cannot_send_a_stamp(kind):
    wire = WIRE[kind.__struct_config__.tag]
    assert fields_of(wire) == fields_of(kind) - STAMPS
    forged = SENT | {"type": kind.__struct_config__.tag} | dict.fromkeys(STAMPS, 9)
    sent = msgspec.json.decode(msgspec.json.encode(forged), type=wire)
    assert not STAMPS & msgspec.to_builtins(sent).keys()


@pytest.mark.parametrize("kind", PUBLIC)
def test_what_a_client_sent_becomes_the_record_by_adding_stamps(kind):
    tag = kind.__struct_config__.tag
    sent = msgspec.json.decode(msgspec.json.encode(SENT | {"type": tag}), type=WIRE[tag])
    stamped = events.encode(sent)[:-1] + b',"user_id":5,"session_id":"s","ts_ms":3,"received_at_ms":4}'
    event = events.decode(stamped)
    assert type(event) is kind
    assert (event.event_id, event.user_id, event.ts_ms) == (UUID, 5, 3), "a UUID is written in its canonical form"


@pytest.mark.parametrize("name", ["seq", "at_ms", "event_id", "drama_id"])
@pytest.mark.parametrize("value", [None, -1, 2**63, "x", 1.5, [], {}])
def test_a_field_of_a_wrong_type_or_size_is_refused(name, value):
    body = msgspec.json.encode(SENT | {name: value})
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(body, type=WIRE["liked"])


@pytest.mark.parametrize("kind", ALL)
def test_every_event_has_a_sentence(kind):
    assert kind.__doc__
    assert kind.__doc__.rstrip().endswith(".")


def test_what_only_the_server_says_has_no_form_for_clients():
    assert set(PUBLIC) | set(SERVER) == set(ALL)
    assert WIRE.keys() == {kind.__struct_config__.tag for kind in PUBLIC}
    assert SERVER
    assert not WIRE.keys() & {kind.__struct_config__.tag for kind in SERVER}


@pytest.mark.parametrize("kind", PUBLIC)
def test_the_sentence_is_also_that_of_what_clients_send(kind):
    assert WIRE[kind.__struct_config__.tag].__doc__ == kind.__doc__
