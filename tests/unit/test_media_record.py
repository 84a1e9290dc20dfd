"""The record of a step's end: what is written is read, and what no writer of ours says is poison."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.media.record import MAX_RUNGS, Usage, decode, encode, used
from tests.media_records import USAGE, a_failure, a_record


def test_what_is_written_is_read():
    for record in (a_record(), a_record(usage=USAGE, content_ms=90_000), a_failure("pull_failed")):
        assert decode(encode(record)) == record


def test_texts_are_cut_to_what_their_columns_hold():
    read = decode(encode(a_failure("x" * 100, text="你" * 900, title="剧" * 300)))
    assert (len(read.reason), len(read.text), len(read.title)) == (64, 500, 200)


def test_a_record_of_a_later_version_is_read_without_what_is_new_in_it():
    value = encode(a_record()).replace(b"{", b'{"colour":"red",', 1)
    assert decode(value) == a_record()


@pytest.mark.parametrize(
    "wrong",
    [
        {"record_id": ""}, {"kind": ""}, {"step": ""}, {"record_id": "x" * 300}, {"at_ms": 0}, {"at_ms": 1 << 60},
        {"attempt": -1}, {"attempt": 70_000}, {"episode_no": -1}, {"drama_id": -7}, {"cpu_ms": 1 << 63},
        {"outcome": "lost"}, {"content_ms": -1}, {"usage": {"stored_bytes": -1}}, {"usage": {"ci_ms": {"360p": -1}}},
        {"usage": {"ci_ms": {str(n): 1 for n in range(MAX_RUNGS + 1)}}}, {"job_id": "seven"},
    ],
)  # fmt: skip
def test_what_no_writer_says_is_poison_and_says_why(wrong):
    value = msgspec.json.encode(msgspec.to_builtins(a_record()) | wrong)
    with pytest.raises(ValueError, match=r".") as told:
        decode(value)
    assert 0 < len(str(told.value)) <= 200


@given(st.binary(max_size=200))
def test_garbage_is_poison_and_nothing_else(value):
    with pytest.raises(ValueError):  # noqa: PT011 - every ValueError is one
        decode(value)


def test_depth_without_end_is_poison():
    with pytest.raises(ValueError, match="undecodable"):
        decode(b'{"x":' * 50_000)


def test_facts_tell_what_was_used_or_nothing():
    assert used({}) == (0, Usage())
    assert used({"probe": {"codec": "h264"}, "content_ms": 90_000, "usage": {"ci_snapshots": 3}}) == (
        90_000,
        Usage(ci_snapshots=3),
    )


@pytest.mark.parametrize("facts", [{"content_ms": "long"}, {"usage": {"stored_bytes": -5}}, {"usage": [1]}])
def test_facts_that_are_nonsense_are_refused(facts):
    with pytest.raises(ValueError, match="facts"):
        used(facts)
