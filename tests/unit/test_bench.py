"""The benchmark's load and its arithmetic."""

from __future__ import annotations

import msgspec
import pytest

from domain import events as wire
from domain import tickets
from juliu.bench.latency import Sample, latencies_ms, percentiles
from juliu.bench.traffic import FIRST_VIEWER, VIEWERS, Traffic


def events_of(body: bytes) -> list[msgspec.Struct]:
    """The events of a request, read with the API's own types."""
    raws = msgspec.json.decode(body)["events"]
    return [msgspec.convert(raw, wire.WIRE[raw["type"]]) for raw in raws]


@pytest.mark.parametrize("duration_ms", [60_000, 12_000, 10_000, 1])
def test_made_up_viewers_send_what_the_api_takes(duration_ms):
    traffic = Traffic([(7, duration_ms)], lambda: 1_000)
    requests = [traffic.request(8) for _ in range(VIEWERS + 1)]
    events = events_of(requests[0].body) + events_of(requests[VIEWERS].body)
    assert [event.seq for event in events] == list(range(1, 17))
    assert {requests[0].user_id, requests[VIEWERS].user_id} == {FIRST_VIEWER}
    for event in events:
        if hasattr(event, "from_ms"):
            assert 0 <= event.from_ms < event.to_ms <= duration_ms
    plays = [event.play_id for event in events if hasattr(event, "play_id")]
    starts = [event.play_id for event in events if isinstance(event, wire.WIRE["play_started"])]
    assert set(plays) == set(starts)


def test_made_up_playbacks_bring_tickets_that_heat():
    traffic = Traffic([(7, 60_000)], lambda: 1_000, ticket_secret=b"x" * 32)
    starts = [event for event in events_of(traffic.request(40).body) if isinstance(event, wire.WIRE["play_started"])]
    assert starts
    for start in starts:
        ticket = tickets.read([b"x" * 32], start.ticket)
        assert tickets.valid(ticket, FIRST_VIEWER, start.drama_id, start.episode_no, start.at_ms)


def test_the_same_seed_is_the_same_load():
    one, same, other = (Traffic([(7, 9_000), (8, 9_000)], lambda: 5, seed=seed) for seed in (1, 1, 2))
    assert [one.request(9).body for _ in range(50)] == [same.request(9).body for _ in range(50)]
    assert one.request(9).body != other.request(9).body


def test_requests_end_when_they_shall():
    left = iter(range(3))
    assert len(list(Traffic([(7, 9_000)], lambda: 5).requests(2, lambda: next(left, None) is not None))) == 3


def test_an_event_is_there_with_the_first_sample_past_its_offset():
    samples = [Sample(100, [0, 4]), Sample(110, [5, 4]), Sample(120, [9, 4])]
    assert latencies_ms(samples, 0, [(0, 90), (1, 95), (5, 99), (6, 100)]) == [10, 15, 11, 20]
    assert latencies_ms(samples, 1, []) == []


def test_samples_that_end_too_early_are_an_error():
    with pytest.raises(ValueError, match="offset 10"):
        latencies_ms([Sample(100, [9])], 0, [(10, 90)])


def test_percentiles_are_nearest_rank():
    found = percentiles([float(n) for n in range(100, 0, -1)])
    assert (found.events, found.p50_ms, found.p90_ms, found.p99_ms, found.max_ms) == (100, 50, 90, 99, 100)
