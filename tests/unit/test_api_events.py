"""POST /v1/events on twins: what is answered, and what is in the log when it is."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest

from domain.events import decode
from domain.topics import partition_of
from ingest_api.events.example import ANSWER, BATCH
from ingest_api.events.log import Waiting
from ingest_api.events.service import STALE_S
from tests.api import PARTITIONS, SETTINGS, Twins, caller, code, post, reasons
from tests.builders import (
    EPISODE_MS,
    NOW_MS,
    SESSION,
    UNKNOWN_DRAMA,
    USER,
    a_batch,
    a_body,
    a_session,
    a_token,
    an_event,
)
from tests.memory_log import MemoryLog

DAY_MS = 86_400_000


@pytest.fixture
def twins() -> Twins:
    return Twins()


# -- the good case ---------------------------------------------------------------------------------------------------


async def test_a_batch_is_accepted_and_logged_under_its_viewer(twins: Twins) -> None:
    answer = await post(twins.app(), a_body(*a_session(30)))
    assert answer.status_code == 202
    assert answer.json()["accepted"] == 30
    assert answer.json()["server_time_ms"] == NOW_MS
    records = twins.log.partitions[partition_of(USER, PARTITIONS)]
    assert [key for key, _ in records] == [b"%d" % USER] * 30
    assert [decode(value).seq for _, value in records] == list(range(1, 31))
    assert {(event.user_id, event.session_id) for event in twins.logged} == {(USER, SESSION)}


async def test_the_documented_example_gets_the_documented_answer(twins: Twins) -> None:
    answer = await post(twins.app(), json.dumps(BATCH).encode())
    assert answer.json() | {"server_time_ms": 0} == ANSWER | {"server_time_ms": 0}


async def test_each_event_has_its_result_in_its_order(twins: Twins) -> None:
    sent = [
        an_event(seq=1),
        an_event(seq=2, drama_id=UNKNOWN_DRAMA),
        an_event("heartbeat", 3, to_ms=-1),
        an_event(seq=4),
    ]
    answer = await post(twins.app(), a_body(*sent))
    assert reasons(answer) == ["accepted", "unknown_drama", "malformed", "accepted"]
    assert [result["event_id"] for result in answer.json()["results"]] == [event["event_id"] for event in sent]
    assert (answer.json()["accepted"], answer.json()["rejected"]) == (2, 2)
    assert [event.seq for event in twins.logged] == [1, 4]


async def test_all_rejected_is_accepted_all_the_same(twins: Twins) -> None:
    answer = await post(twins.app(), a_body(an_event(drama_id=UNKNOWN_DRAMA)))
    assert (answer.status_code, reasons(answer)) == (202, ["unknown_drama"])
    assert twins.logged == []


async def test_an_empty_batch_tells_the_time(twins: Twins) -> None:
    answer = await post(twins.app(), json.dumps(a_batch(events=[])).encode())
    assert answer.json() == {"accepted": 0, "rejected": 0, "results": [], "server_time_ms": NOW_MS}


async def test_gzip_is_read(twins: Twins) -> None:
    answer = await post(twins.app(), gzip.compress(a_body(*a_session(500))), content_encoding="gzip")
    assert answer.json()["accepted"] == 500


# -- who asks --------------------------------------------------------------------------------------------------------


async def test_a_body_that_names_another_user_is_its_senders_all_the_same(twins: Twins) -> None:
    answer = await post(twins.app(), a_body(an_event() | {"user_id": 99}, user_id=99, sub="99"), x_user_id="99")
    assert answer.status_code == 202
    assert [event.user_id for event in twins.logged] == [USER]


@pytest.mark.parametrize(
    ("authorization", "expected"),
    [("", "token_missing"), ("Basic x", "token_invalid"), ("Bearer nonsense", "token_invalid")],
)
async def test_without_a_right_token_nothing_is_read(twins: Twins, authorization: str, expected: str) -> None:
    answer = await post(twins.app(), b"{", authorization=authorization)
    assert (answer.status_code, code(answer)) == (401, expected)
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_an_expired_token_is_refused(twins: Twins) -> None:
    token = a_token(now_s=NOW_MS // 1000 - 86_400 * 31, days=30)
    answer = await post(twins.app(), a_body(), authorization=f"Bearer {token}")
    assert (answer.status_code, code(answer)) == (401, "token_expired")


# -- hostile input ---------------------------------------------------------------------------------------------------


def long_bomb() -> bytes:
    """20 KB of gzip that would be 20 MB."""
    return gzip.compress(b" " * 20_000_000)


@pytest.mark.parametrize(
    ("body", "headers", "status", "expected"),
    [
        (b"{", {}, 400, "malformed_json"),
        (b"\xff\xfe\x00", {}, 400, "malformed_json"),
        (a_body().replace(b'"seq": 1', b'"seq": NaN'), {}, 400, "malformed_json"),
        (b'{"events":' + b"[" * 200_000, {}, 400, "too_deep"),
        (a_body(session_id="me"), {}, 422, "bad_envelope"),
        (a_body(*a_session(501)), {}, 413, "too_many_events"),
        (b" " * (512 * 1024 + 1), {}, 413, "too_large"),
        (b"x" * (128 * 1024 + 1), {"content_encoding": "gzip"}, 413, "too_large"),
        (gzip.compress(b" " * (512 * 1024 + 1)), {"content_encoding": "gzip"}, 413, "too_large"),
        (long_bomb(), {"content_encoding": "gzip"}, 413, "too_large"),
        (b"not gzip", {"content_encoding": "gzip"}, 400, "bad_gzip"),
        (gzip.compress(a_body())[:-4], {"content_encoding": "gzip"}, 400, "bad_gzip"),
        (gzip.compress(a_body()) * 2, {"content_encoding": "gzip"}, 400, "bad_gzip"),
        (gzip.compress(a_body()), {}, 400, "malformed_json"),
        (gzip.compress(gzip.compress(a_body())), {"content_encoding": "gzip"}, 400, "malformed_json"),
        (a_body(), {"content_encoding": "br"}, 415, "content_encoding"),
        (a_body(), {"content_encoding": "gzip, gzip"}, 415, "content_encoding"),
        (a_body(), {"content_type": "text/plain"}, 415, "content_type"),
        (a_body(), {"content_type": "application/json; charset=gbk"}, 415, "content_type"),
        (a_body(), {"content_type": "application/x-www-form-urlencoded"}, 415, "content_type"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_a_hostile_request_gets_its_answer(
    twins: Twins, body: bytes, headers: dict[str, str], status: int, expected: str
) -> None:
    answer = await post(twins.app(), body, **headers)
    assert (answer.status_code, code(answer)) == (status, expected)
    assert twins.logged == []


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (an_event(seq=0), "bad_seq"),
        (an_event(seq=2**63), "bad_seq"),
        (an_event(at_ms=0), "accepted"),
        (an_event(at_ms=4_070_908_800_000), "accepted"),
        (an_event(at_ms="yesterday"), "malformed"),
        (an_event("heartbeat", from_ms=5_000, to_ms=1_000), "bad_interval"),
        (an_event("heartbeat", to_ms=EPISODE_MS + 2_001), "bad_interval"),
        (an_event(request_id="a\0b"), "malformed"),
        (an_event(drama_id=UNKNOWN_DRAMA), "unknown_drama"),
        (an_event(episode_no=99), "unknown_episode"),
        (an_event() | {"type": "unlocked", "price_coins": 0}, "not_public"),
        (an_event() | {"type": "danced"}, "unknown_type"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_a_hostile_event_gets_its_answer(twins: Twins, event: dict[str, Any], reason: str) -> None:
    answer = await post(twins.app(), a_body(event))
    assert (answer.status_code, reasons(answer)) == (202, [reason])


@pytest.mark.parametrize(
    "media", ["application/json", "application/json; charset=utf-8", "Application/JSON;charset=UTF-8"]
)
async def test_json_is_json_in_any_spelling(twins: Twins, media: str) -> None:
    assert (await post(twins.app(), a_body(), content_type=media)).status_code == 202


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_only_post_is_known(twins: Twins, method: str) -> None:
    async with caller(twins.app()) as client:
        answer = await client.request(method, "/v1/events")
    assert (answer.status_code, code(answer), answer.headers["allow"]) == (405, "method_not_allowed", "POST")


# -- not now ---------------------------------------------------------------------------------------------------------


async def test_when_the_log_is_away_the_whole_batch_is_to_be_sent_again(twins: Twins) -> None:
    twins.log.up = False
    answer = await post(twins.app(), a_body(*a_session(3), an_event(seq=9, drama_id=UNKNOWN_DRAMA)))
    assert (answer.status_code, code(answer)) == (503, "log_unavailable")
    assert int(answer.headers["retry-after"]) >= 1


async def test_nothing_is_answered_before_the_log_has_it(twins: Twins) -> None:
    acknowledged = asyncio.Event()

    class SlowLog(MemoryLog):
        async def append(self, partition: int, key: bytes, values: list[bytes]) -> None:
            await acknowledged.wait()
            await super().append(partition, key, values)

    twins.log = SlowLog(PARTITIONS)
    asked = asyncio.create_task(post(twins.app(), a_body()))
    done, _ = await asyncio.wait({asked}, timeout=0.05)
    assert not done
    acknowledged.set()
    assert (await asked).status_code == 202


@pytest.mark.parametrize(
    "waiting",
    [Waiting(SETTINGS.queue_high_water, 0), Waiting(0, SETTINGS.queue_high_water_bytes)],
    ids=["messages", "bytes"],
)
async def test_past_the_high_water_mark_no_body_is_read(twins: Twins, waiting: Waiting) -> None:
    twins.log.stuck = waiting
    answer = await post(twins.app(), b"this is not even JSON")
    assert (answer.status_code, code(answer)) == (503, "overloaded")
    assert int(answer.headers["retry-after"]) >= 1


async def test_below_the_high_water_mark_all_is_well(twins: Twins) -> None:
    twins.log.stuck = Waiting(SETTINGS.queue_high_water - 1, SETTINGS.queue_high_water_bytes - 1)
    assert (await post(twins.app(), a_body())).status_code == 202


async def test_what_an_old_catalogue_does_not_know_is_asked_for_again(twins: Twins) -> None:
    twins.catalogue.age_s = STALE_S + 1
    unknown = await post(twins.app(), a_body(an_event(seq=1), an_event(seq=2, drama_id=UNKNOWN_DRAMA)))
    assert (unknown.status_code, code(unknown)) == (503, "catalogue_unavailable")
    assert twins.logged == []
    assert (await post(twins.app(), a_body())).status_code == 202
    twins.catalogue.age_s = STALE_S
    assert reasons(await post(twins.app(), a_body(an_event(drama_id=UNKNOWN_DRAMA)))) == ["unknown_drama"]


async def test_a_bug_is_a_500_that_tells_nothing(twins: Twins) -> None:
    class BrokenLog(MemoryLog):
        async def append(self, partition: int, key: bytes, values: list[bytes]) -> None:
            raise ZeroDivisionError("secret detail")

    twins.log = BrokenLog(PARTITIONS)
    answer = await post(twins.app(), a_body())
    assert (answer.status_code, code(answer)) == (500, "internal")
    assert "secret" not in answer.text


# -- every answer ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [a_body(), b"{"])
async def test_every_answer_carries_the_id_of_its_request(twins: Twins, body: bytes) -> None:
    given = await post(twins.app(), body, x_request_id="my-request-1")
    assert given.headers["x-request-id"] == "my-request-1"
    made = {(await post(twins.app(), body)).headers["x-request-id"] for _ in range(3)}
    assert len(made) == 3


@pytest.mark.parametrize("odd", ["short", "x" * 65, "with space", 'quote"quote', "tab\tinside"])
async def test_an_odd_request_id_is_not_taken_over(twins: Twins, odd: str) -> None:
    answer = await post(twins.app(), a_body(), x_request_id=odd)
    assert answer.headers["x-request-id"] != odd
