"""What any page may read of /v1/hls and /v1/posters, refusals too; and to whom a grant is good while rules change."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from domain.audience import Audience
from ingest_api.unlock.service import Unlocking
from tests.api import caller, code
from tests.builders import DRAMA, NOW_MS, UNKNOWN_DRAMA, USER, a_drama, a_token
from tests.hls_rig import EPISODES, FREE, HASH, PAID_FOR, SEGMENT, HlsRig, a_grant, at, renditions
from tests.memory_feed import MemoryHints

THINGS = ("master.m3u8", "720p/index.m3u8", "720p/00000.ts", "720p/key")
POSTER = f"/v1/posters/{DRAMA}/1"


@pytest.fixture
def rig(tmp_path: Path) -> HlsRig:
    return HlsRig(tmp_path)


# -- pages of other origins ------------------------------------------------------------------------------------------

REFUSED = [
    (at("master.m3u8", expires_ms=NOW_MS), 403, "bad_address"),
    (at("720p/key", episode_no=PAID_FOR + 1), 403, "key_refused"),
    (at("540p/index.m3u8"), 404, "no_video"),
    (at("720p/00007.ts"), 404, "no_video"),
    (at("master.m3u8", drama_id=UNKNOWN_DRAMA), 404, "unknown_episode"),
    (at("nothing/there/at/all"), 404, "not_found"),
    ("/v1/hls/short/master.m3u8", 422, "invalid"),
    (f"{POSTER}?width=7", 422, "invalid"),
    (f"/v1/posters/{UNKNOWN_DRAMA}/1", 404, "unknown_episode"),
    (f"{POSTER}/{HASH}/9-480.webp", 404, "no_video"),
]


@pytest.mark.parametrize(("address", "status", "why"), REFUSED)
async def test_a_page_can_read_why_it_gets_nothing(rig: HlsRig, address: str, status: int, why: str):
    answer = await rig.get(address, origin="https://h5.example")
    assert (answer.status_code, code(answer)) == (status, why)
    assert_open(answer)


async def test_a_page_can_read_of_another_viewers_token_a_wrong_method_and_a_range_that_is_not_there(rig: HlsRig):
    other = await rig.get(at("720p/key"), authorization=f"Bearer {a_token(USER + 1)}")
    assert (other.status_code, code(other)) == (403, "anothers_address")
    outside = await rig.get(at("720p/00000.ts"), range=f"bytes={len(SEGMENT)}-")
    async with caller(rig.app) as client:
        posted = await client.post(at("master.m3u8"))
    assert (outside.status_code, posted.status_code) == (416, 405)
    for answer in (other, outside, posted):
        assert_open(answer)


async def test_a_page_can_read_that_it_should_come_again_and_of_a_bug(rig: HlsRig):
    rig.catalogue.current, rig.catalogue.age_s = rig.catalogue.current.with_changes([]), float("inf")
    away = await rig.get(at("master.m3u8", drama_id=UNKNOWN_DRAMA))
    assert (away.status_code, away.headers["retry-after"]) == (503, "2")
    rig.app.state.hls = None
    bug = await rig.get(at("master.m3u8"))
    assert (bug.status_code, code(bug)) == (500, "internal")
    for answer in (away, bug):
        assert_open(answer)


@pytest.mark.parametrize("thing", THINGS)
async def test_what_is_given_is_as_open_as_what_is_refused(rig: HlsRig, thing: str):
    answer = await rig.get(at(thing))
    assert answer.status_code == 200
    assert_open(answer)


@pytest.mark.parametrize("address", [f"/v1/dramas/{DRAMA}/episodes/1/play", "/v1/wallet", "/v1/hls", "/v1/media/7/1"])
async def test_nothing_else_is_open_to_other_pages(rig: HlsRig, address: str):
    answer = await rig.get(address, origin="https://h5.example")
    assert answer.status_code >= 400
    assert not [name for name in answer.headers if name.startswith("access-control")]


def assert_open(answer: Any) -> None:
    """To any page once, and never with the credentials that a browser keeps."""
    assert answer.headers.get_list("access-control-allow-origin") == ["*"]
    assert "access-control-allow-credentials" not in answer.headers
    assert answer.headers["access-control-expose-headers"] == "retry-after, x-request-id"


# -- region and age --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", [{"min_age": 18}, {"region": "US,TW"}])
@pytest.mark.parametrize("thing", THINGS)
async def test_what_is_not_for_the_viewer_any_more_is_not_there(rig: HlsRig, thing: str, rules: dict[str, Any]):
    """The catalogue is another than when the address was given: the viewer counts as what their token said then."""
    headers = {"authorization": f"Bearer {a_token(USER, region='CN', age_years=17)}"}
    master = (await rig.get(f"/v1/dramas/{DRAMA}/episodes/1/play", **headers)).json()["address"]
    address = master.replace("master.m3u8", thing)
    assert (await rig.get(address)).status_code == 200
    now = a_drama(DRAMA, 1, EPISODES, free_first=FREE, renditions=renditions(*[HASH] * EPISODES), **rules)
    rig.catalogue.current = rig.catalogue.current.with_changes([now])
    refused = await rig.get(address)
    assert (refused.status_code, code(refused)) == (404, "unknown_episode")
    assert (await rig.get(at(thing, audience=Audience("TW", 18)))).status_code == 200


async def test_an_unlock_gives_an_address_of_the_viewers_own_region_and_age(rig: HlsRig):
    headers = {"authorization": f"Bearer {a_token(USER, region='CN', age_years=17)}"}
    rig.money.credit(USER, 1_000, "test", "more")
    state = rig.app.state
    state.unlocking = Unlocking(rig.money, rig.money, state.threads[0], state.permission, MemoryHints())
    episode = f"/v1/dramas/{DRAMA}/episodes/{PAID_FOR + 1}"
    price = (await rig.get(f"{episode}/play", **headers)).json()["price"]["price_version"]
    async with caller(rig.app) as client:
        told = await client.post(
            f"{episode}/unlock", json={"price_version": price}, headers=headers | {"idempotency-key": "k"}
        )
    address = told.json()["play"]["address"]
    assert address.split("/")[3] == a_grant(
        episode_no=PAID_FOR + 1, audience=Audience("CN", 17), expires_ms=told.json()["play"]["address_expires_ms"]
    )
