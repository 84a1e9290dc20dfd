"""POST /v1/events with a token of scope backfill: a history keeps its own clock."""

from __future__ import annotations

from typing import Any

import pytest

from ingest_api.auth import Scope
from tests.api import Twins, code, post
from tests.builders import (
    NOW_MS,
    a_body,
    a_token,
    an_event,
)

DAY_MS = 86_400_000


@pytest.fixture
def twins() -> Twins:
    return Twins()


async def backfill(twins: Twins, sent_at_ms: Any, peer: str = "127.0.0.1") -> Any:
    token = a_token(scope=Scope.BACKFILL)
    body = a_body(an_event(at_ms=NOW_MS - 40 * DAY_MS), sent_at_ms=sent_at_ms)
    return await post(twins.app(), body, peer, authorization=f"Bearer {token}")


async def test_a_backfill_was_received_when_it_was_sent(twins: Twins) -> None:
    assert (await backfill(twins, NOW_MS - 39 * DAY_MS)).status_code == 202
    (event,) = twins.logged
    assert (event.received_at_ms, event.ts_ms) == (NOW_MS - 39 * DAY_MS, NOW_MS - 40 * DAY_MS)
    assert not event.late


async def test_a_viewer_cannot_say_when_he_was_received(twins: Twins) -> None:
    await post(twins.app(), a_body(an_event(at_ms=NOW_MS - 40 * DAY_MS), sent_at_ms=NOW_MS - 39 * DAY_MS))
    (event,) = twins.logged
    assert (event.received_at_ms, event.late) == (NOW_MS, True)


@pytest.mark.parametrize("sent_at_ms", [0, ..., NOW_MS + 601_000, 4_070_908_800_000])
async def test_a_backfill_without_a_time_or_from_the_future_is_refused(twins: Twins, sent_at_ms: Any) -> None:
    answer = await backfill(twins, sent_at_ms)
    assert (answer.status_code, code(answer)) == (422, "bad_sent_at")
    assert twins.logged == []


async def test_a_backfill_from_another_machine_is_refused(twins: Twins) -> None:
    answer = await backfill(twins, NOW_MS, peer="10.1.2.3")
    assert (answer.status_code, code(answer)) == (403, "backfill_not_here")


async def test_a_replayed_history_is_qualified_without_tickets(twins: Twins) -> None:
    token = a_token(scope=Scope.BACKFILL)
    await post(twins.app(), a_body(an_event("play_started")), authorization=f"Bearer {token}")
    assert [event.qualified for event in twins.logged] == [True]
