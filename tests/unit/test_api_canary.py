"""The canary at the API: its own token, its own event, nothing else; and nobody else sends it."""

from __future__ import annotations

from typing import Any

import pytest

from domain import canary, events
from domain.catalogue_import import RowRefused, read
from domain.topics import partition_of
from ingest_api.auth import Scope, Tokens, issue
from ingest_api.errors import Unauthorized
from tests.api import PARTITIONS, FixedCatalogue, Twins, caller, code, post, reasons
from tests.builders import DRAMA, NOW_S, SECRET, a_body, a_catalogue, a_drama, a_token, an_event
from tests.catalogue import a_line, raw

CANARY = canary.user_of(2, PARTITIONS)
SHOWN = {"drama_id": canary.DRAMA_ID}


def its_token(user_id: int = CANARY) -> str:
    return f"Bearer {a_token(user_id, Scope.CANARY)}"


async def answered(twins: Twins, *sent: dict[str, Any], token: str = "") -> list[str]:
    answer = await post(twins.app(), a_body(*sent), authorization=token or its_token())
    assert answer.status_code == 202
    return reasons(answer)


async def test_a_canary_is_taken_into_its_partition_and_is_of_no_drama_of_the_catalogue():
    twins = Twins()
    assert await answered(twins, an_event("impression", **SHOWN)) == ["accepted"]
    (event,) = twins.logged
    assert (event.user_id, event.drama_id, event.drama_index) == (CANARY, canary.DRAMA_ID, 0)
    assert isinstance(event, canary.EVENT)
    assert twins.log.partitions[partition_of(CANARY, PARTITIONS)]


async def test_it_needs_no_catalogue():
    twins = Twins(catalogue=FixedCatalogue(age_s=1e9))
    assert await answered(twins, an_event("impression", **SHOWN)) == ["accepted"]


@pytest.mark.parametrize("scope", [Scope.VIEWER, Scope.BACKFILL, Scope.ADMIN])
@pytest.mark.parametrize("kind", sorted(events.WIRE))
async def test_nobody_else_knows_its_drama(scope: Scope, kind: str) -> None:
    twins = Twins()
    sent = an_event(kind, **SHOWN)
    assert await answered(twins, sent, token=f"Bearer {a_token(7, scope)}") == ["unknown_drama"]
    assert not any(twins.log.partitions[p] for p in range(PARTITIONS))


@pytest.mark.parametrize("kind", sorted(events.WIRE))
async def test_it_can_say_nothing_of_a_real_drama(kind: str) -> None:
    twins = Twins()
    wanted = "unknown_drama" if kind == "impression" else "unknown_type"
    assert await answered(twins, an_event(kind, drama_id=DRAMA)) == [wanted]
    assert twins.logged == []


@pytest.mark.parametrize("kind", sorted(events.WIRE.keys() - {"impression"}))
async def test_it_has_one_type_of_event(kind: str) -> None:
    twins = Twins()
    assert await answered(twins, an_event(kind, **SHOWN)) == ["unknown_type"]
    assert twins.logged == []


async def test_a_bad_event_beside_it_has_its_own_reason() -> None:
    sent = (an_event("impression", **SHOWN), an_event("impression", 2, position="x"), an_event("liked", 3))
    assert await answered(Twins(), *sent) == ["accepted", "malformed", "unknown_type"]


@pytest.mark.parametrize("path", ["/v1/feed", "/v1/hot", "/v1/me/history", "/v1/me/progress", "/v1/wallet"])
async def test_it_opens_no_other_route(path: str) -> None:
    async with caller(Twins().app()) as client:
        answer = await client.get(path, headers={"authorization": its_token()})
    assert (answer.status_code, code(answer)) == (403, "viewers_only")


async def test_its_drama_is_on_no_page_even_for_viewers():
    async with caller(Twins().app()) as client:
        headers = {"authorization": f"Bearer {a_token()}"}
        answer = await client.get(f"/v1/dramas/{canary.DRAMA_ID}/counters", headers=headers)
    assert (answer.status_code, code(answer)) == (404, "unknown_drama")


@pytest.mark.parametrize(
    ("user_id", "scope"),
    [(7, Scope.CANARY), *((CANARY, scope) for scope in Scope if scope is not Scope.CANARY)],
)
def test_its_ids_and_its_scope_go_together(user_id: int, scope: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="canary"):
        issue(SECRET, user_id, scope, NOW_S, 1)
    monkeypatch.setattr("ingest_api.auth._goes_with", lambda *_: True)
    forged = issue(SECRET, user_id, scope, NOW_S, 1)  # as by a log-in that does not know the rule
    monkeypatch.undo()
    with pytest.raises(Unauthorized):
        Tokens(SECRET, lambda: NOW_S).viewer_of({b"authorization": b"Bearer " + forged.encode()}, "127.0.0.1")


def test_no_import_gives_its_drama_to_anybody():
    with pytest.raises(RowRefused, match="reserved for the canary"):
        read(raw(a_line(canary.DRAMA_ID)))


async def test_a_catalogue_that_has_its_drama_all_the_same_gives_it_to_the_canary_alone():
    twins = Twins(catalogue=FixedCatalogue(a_catalogue(a_drama(canary.DRAMA_ID, 3))))
    assert await answered(twins, an_event("impression", **SHOWN)) == ["accepted"]
    assert twins.logged[0].drama_index == 0
