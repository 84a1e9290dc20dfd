"""The traffic of the fault runner: the same for a seed, within its shares, and rejected exactly where it says so."""

from __future__ import annotations

import json
from collections import Counter

import msgspec
import pytest

from domain import events
from domain.catalogue import Catalogue, Drama
from ingest_api.errors import ApiError
from ingest_api.events.contract import Rejected
from ingest_api.events.decode import read
from ingest_api.events.judge import judge
from ingest_api.events.stamps import Receipt
from juliu.faults import catalogue
from juliu.faults.traffic import Mix, Parcel, Poison, Traffic

NOW_MS = 1_795_000_000_000
SECRET = b"s" * 32
BUSY = Mix().but({"malformed": 0.1, "garbage": 0.2, "poison": 0.01, "late": 0.05, "broken_clock": 0.1})


def traffic(mix: Mix = BUSY, seed: str = "a") -> Traffic:
    return Traffic(catalogue.dramas(), mix, seed, NOW_MS, SECRET)


@pytest.fixture(scope="module")
def sent() -> list[Parcel | Poison]:
    return list(traffic().parcels(6_000))


def parcels(sent, garbage=False) -> list[Parcel]:
    return [one for one in sent if isinstance(one, Parcel) and one.garbage == garbage]


def test_a_seed_gives_the_same_bytes_and_another_seed_others(sent):
    assert list(traffic().parcels(6_000)) == sent
    assert list(traffic(seed="b").parcels(6_000)) != sent


def test_numbers_of_parcels_and_bytes_of_poison_are_like_no_other(sent):
    numbers = [one.n for one in sent if isinstance(one, Parcel)]
    assert len(numbers) == len(set(numbers))
    poison = [one.value for one in sent if isinstance(one, Poison)]
    assert len(poison) == len(set(poison)) > 10


def test_what_is_sent_for_the_first_time_has_an_identity_of_its_own(sent):
    good = [
        (parcel.user_id, parcel.session_id, json.loads(bytes(event.wire))["seq"])
        for parcel in parcels(sent)
        for event in parcel.events
        if not event.reason
    ]
    assert len(good) == len(set(good)) > 5_000


def test_the_usual_mix_has_its_shares():
    mix = Mix()
    found, copies, late = Counter(), 0, 0
    for one in traffic(mix).parcels(60_000):
        if isinstance(one, Poison):
            found["poison"] += 1
            continue
        found["garbage"] += one.garbage
        copies += len(one.reasons) if one.copy_of >= 0 else 0
        for event in one.events:
            found["events"] += 1
            found["malformed"] += event.reason != ""
            if not event.reason:
                ts_ms = json.loads(bytes(event.wire))["at_ms"] + one.offset_ms
                late += ts_ms < NOW_MS - 7 * 86_400_000
    assert 60_000 <= found["events"] < 60_040
    assert found["malformed"] / 60_000 == pytest.approx(0.002, rel=0.4)
    assert late / 60_000 == pytest.approx(0.002, rel=0.4)
    assert copies / 60_000 == pytest.approx(0.01, rel=0.4)
    assert found["poison"] / 60_000 == pytest.approx(0.0005, rel=0.6)
    assert found["garbage"] > 0


def test_the_api_rejects_exactly_what_must_be_and_says_why(sent):
    dramas = [
        Drama(drama_id=d.drama_id, index=i, durations=d.durations_ms) for i, d in enumerate(catalogue.dramas(), 1)
    ]
    known, reasons, qualified = Catalogue.of(dramas), Counter(), Counter()
    for parcel in parcels(sent):
        batch = read(parcel.body)
        now_ms = NOW_MS + int(parcel.due_ms) + 40
        envelope = batch.envelope
        receipt = Receipt(
            parcel.user_id, parcel.session_id, now_ms, envelope.clock_offset_ms, envelope.client, envelope.sent_at_ms
        )
        judged = judge(batch.events, receipt, known, [SECRET])
        said = tuple(str(r.reason) if isinstance(r, Rejected) else "" for r in judged.results)
        assert said == parcel.reasons
        reasons.update(said)
        stamped = iter(judged.values)
        for event in parcel.events:
            if event.reason:
                continue
            record = events.decode(next(stamped))
            if isinstance(record, events.PlayStarted):
                good = event.qualifies is not None and event.qualifies[0] <= record.ts_ms < event.qualifies[1]
                assert record.qualified == good
                qualified[good] += 1
    assert len(reasons) == 9
    assert qualified[True] > 4 * qualified[False] > 0


def test_garbage_is_refused_as_a_whole(sent):
    bodies = parcels(sent, garbage=True)
    assert len({parcel.body[:20] for parcel in bodies}) > 5
    for parcel in bodies:
        with pytest.raises(ApiError) as error:
            read(parcel.body)
        assert 400 <= error.value.status < 500


def test_poison_can_not_be_decoded(sent):
    for one in sent:
        if isinstance(one, Poison):
            with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
                events.decode(one.value)


def test_an_unknown_share_is_refused():
    with pytest.raises(ValueError, match="latte"):
        Mix().but({"latte": 1.0})


def test_the_catalogue_is_one_that_can_be_imported(tmp_path):
    from domain.catalogue_import import read as read_line

    assert catalogue.write(tmp_path / "storm.jsonl") == len(catalogue.dramas())
    lines = (tmp_path / "storm.jsonl").read_bytes().splitlines()
    assert [read_line(line).drama_id for line in lines] == [drama.drama_id for drama in catalogue.dramas()]
