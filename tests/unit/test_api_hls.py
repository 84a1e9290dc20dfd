"""GET /v1/hls/... on twins: who has a grant gets what it names, who may play gets the key, nobody gets more."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
from pydantic import SecretStr

from domain.audience import ANYBODY
from domain.media import grant, names
from domain.media.cdn_address import Signing, genuine
from domain.media.playlist import rungs
from ingest_api.hls.segments import WeakCdnKey
from ingest_api.play.video import AT_ONCE_EACH
from tests.api import code
from tests.builders import DRAMA, NOW_MS, OTHER_DRAMA, USER, a_drama
from tests.hls_rig import (
    EPISODES,
    FREE,
    HASH,
    INDEX,
    KEY,
    OTHER_HASH,
    PAID_FOR,
    RUNGS,
    SEGMENT,
    HlsRig,
    a_grant,
    a_master,
    as_viewer,
    at,
    lay_out,
    renditions,
    with_cdn,
)  # fmt: skip

THINGS = ("master.m3u8", "720p/index.m3u8", "720p/00000.ts", "720p/key")


@pytest.fixture
def rig(tmp_path: Path) -> HlsRig:
    return HlsRig(tmp_path)


# -- playing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("episode_no", [1, PAID_FOR])
async def test_a_player_gets_from_the_play_answer_to_the_last_byte_without_a_header(rig: HlsRig, episode_no: int):
    master = (await rig.play(episode_no)).json()["address"]
    assert master.endswith("/master.m3u8")
    told = await rig.get(master)
    assert (told.status_code, told.headers["content-type"]) == (200, "application/vnd.apple.mpegurl")
    for rung in rungs(told.text):
        index = urljoin(master, f"{rung}/index.m3u8")
        assert (await rig.get(index)).text == INDEX
        assert (await rig.get(urljoin(index, "00000.ts"))).content == SEGMENT
        key = (await rig.get(urljoin(index, "key"))).content
        assert key == rig.keys.key(DRAMA, episode_no, HASH, rung)
        assert len(key) == 16
    assert len({rig.keys.key(DRAMA, episode_no, HASH, rung) for rung in RUNGS}) == len(RUNGS)


async def test_two_answers_in_a_row_are_equal_and_end_within_a_quarter_of_an_hour(rig: HlsRig):
    first, second = (await rig.play()).json(), (await rig.play()).json()
    assert first == second
    assert NOW_MS + 10 * 60_000 < first["address_expires_ms"] <= NOW_MS + 15 * 60_000


async def test_an_entitlement_that_ends_ends_the_grant(rig: HlsRig):
    opened = await rig.app.state.permission.open(USER, DRAMA, 1, ANYBODY, until_ms=NOW_MS + 9_000)
    told = grant.read([KEY], opened.address.split("/")[3])
    assert told.expires_ms == opened.address_expires_ms == NOW_MS + 9_000


async def test_an_episode_that_is_a_file_is_played_as_one(rig: HlsRig):
    plain = a_drama(episodes=EPISODES, free_first=FREE, renditions=renditions("", HASH, HASH, HASH))
    rig.catalogue.current = rig.catalogue.current.with_changes([plain])
    assert (await rig.play(2)).json()["address"].endswith(".m3u8")
    assert (await rig.play()).json()["address"].startswith(f"/v1/media/{DRAMA}/1?")


async def test_a_rendition_that_was_replaced_is_played_to_its_end_by_who_has_begun(rig: HlsRig, tmp_path: Path):
    lay_out(tmp_path, DRAMA, 1, OTHER_HASH)
    for hash12 in (HASH, OTHER_HASH):
        assert (await rig.get(at("master.m3u8", hash12=hash12))).text == a_master()


@pytest.mark.parametrize("thing", THINGS)
async def test_any_page_may_play_and_nobody_between_keeps_it(rig: HlsRig, thing: str):
    answer = await rig.get(at(thing))
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["x-content-type-options"] == "nosniff"
    kept = "private, max-age=60" if thing.endswith(".ts") else "no-store"
    assert answer.headers["cache-control"] == kept


async def test_a_segment_has_its_type_and_ranges(rig: HlsRig):
    whole = await rig.get(at("720p/00000.ts"))
    assert whole.headers["content-type"] == "video/mp2t"
    part = await rig.get(at("720p/00000.ts"), range="bytes=100-199")
    assert (part.status_code, part.content) == (206, SEGMENT[100:200])
    outside = await rig.get(at("720p/00000.ts"), range=f"bytes={len(SEGMENT)}-")
    assert (outside.status_code, code(outside)) == (416, "range_not_satisfiable")


async def test_one_viewer_gets_a_few_segments_at_once(rig: HlsRig):
    held = [rig.app.state.media.places.one(USER) for _ in range(AT_ONCE_EACH)]
    for place in held:
        place.__enter__()
    assert code(await rig.get(at("720p/00000.ts"))) == "media_busy"
    for place in held:
        place.__exit__(None, None, None)
    answers = await asyncio.gather(*(rig.get(at("720p/00000.ts")) for _ in range(AT_ONCE_EACH)))
    assert all(answer.content == SEGMENT for answer in answers)


# -- grants ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("thing", THINGS)
async def test_a_grant_ends(rig: HlsRig, thing: str):
    assert (await rig.get(at(thing, expires_ms=NOW_MS + 1))).status_code == 200
    answer = await rig.get(at(thing, expires_ms=NOW_MS))
    assert (answer.status_code, code(answer)) == (403, "bad_address")


@pytest.mark.parametrize("thing", THINGS)
async def test_a_grant_that_nobody_gave_opens_nothing(rig: HlsRig, thing: str):
    good = a_grant()
    forged = grant.make(b"another secret of 32 bytes and so", grant.read([KEY], good))
    for text in (forged, good[:-1] + "A", "g2." + "A" * 92, "g2." + "é" * 92):
        answer = await rig.get(f"/v1/hls/{text}/{thing}")
        assert (answer.status_code, code(answer)) == (403, "bad_address")


@pytest.mark.parametrize("thing", THINGS)
async def test_with_another_viewers_token_a_grant_opens_nothing(rig: HlsRig, thing: str):
    assert (await rig.get(at(thing), **as_viewer(USER))).status_code == 200
    answer = await rig.get(at(thing), **as_viewer(USER + 1))
    assert (answer.status_code, code(answer)) == (403, "anothers_address")
    assert (await rig.get(at(thing), authorization="Bearer nonsense")).status_code == 401


async def test_a_grant_for_one_episode_opens_no_other(rig: HlsRig):
    """It says itself what it is for: nothing in the address does."""
    own = [rig.keys.key(drama, no, HASH, "720p") for drama in (DRAMA, OTHER_DRAMA) for no in range(1, EPISODES + 1)]
    assert len(set(own)) == len(own)
    for number, (drama_id, no) in enumerate((d, n) for d in (DRAMA, OTHER_DRAMA) for n in range(1, FREE + 1)):
        answer = await rig.get(at("720p/key", drama_id=drama_id, episode_no=no))
        assert answer.content == rig.keys.key(drama_id, no, HASH, "720p"), number


@pytest.mark.parametrize("thing", THINGS)
async def test_after_a_take_down_a_grant_opens_nothing(rig: HlsRig, thing: str):
    address = at(thing)
    assert (await rig.get(address)).status_code == 200
    rig.catalogue.current = rig.catalogue.current.with_takedowns([DRAMA])
    answer = await rig.get(address)
    assert (answer.status_code, code(answer)) == (404, "unknown_episode")
    assert (await rig.play()).status_code == 404


async def test_before_there_is_a_catalogue_nothing_is_denied(rig: HlsRig):
    rig.catalogue.current, rig.catalogue.age_s = rig.catalogue.current.with_takedowns([DRAMA]), float("inf")
    answer = await rig.get(at("master.m3u8"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")


# -- the key ---------------------------------------------------------------------------------------------------------


async def test_without_the_entitlement_there_is_no_key_though_the_grant_is_good(rig: HlsRig):
    locked = at("720p/key", episode_no=EPISODES)
    answer = await rig.get(locked)
    assert (answer.status_code, code(answer)) == (403, "key_refused")
    assert (await rig.get(at("720p/key", episode_no=PAID_FOR))).status_code == 200
    assert (await rig.get(at("720p/key", episode_no=PAID_FOR, user_id=USER + 1))).status_code == 403


async def test_an_entitlement_that_is_taken_back_is_asked_for_again(rig: HlsRig):
    address = at("720p/key", episode_no=PAID_FOR)
    assert (await rig.play(PAID_FOR)).status_code == 200  # remembered for what is played again
    assert (await rig.get(address)).status_code == 200
    rig.money.take_back(USER, DRAMA, PAID_FOR)
    assert (await rig.get(address)).status_code == 403


async def test_without_mysql_no_key_is_given_and_none_denied(rig: HlsRig):
    rig.money.away = True
    assert (await rig.get(at("720p/key", episode_no=PAID_FOR))).status_code == 503
    assert (await rig.get(at("720p/key"))).status_code == 200  # free: nothing is asked
    rig.keys.away = True
    answer = await rig.get(at("720p/key"))
    assert (answer.status_code, code(answer)) == (503, "media_unavailable")


async def test_a_rung_that_was_never_made_has_no_key(rig: HlsRig):
    assert code(await rig.get(at("540p/key"))) == "no_video"
    assert code(await rig.get(at("720p/key", hash12=OTHER_HASH))) == "no_video"


async def test_without_a_secret_there_are_no_keys(rig: HlsRig):
    app = rig.twins.app(rig.settings)
    app.state.play = rig.app.state.play
    rig.app = app
    assert code(await rig.get(at("720p/key"))) == "no_video"


# -- what is there ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["../master.m3u8", "..%2fmaster.m3u8", "720p/../../../../secret.ts", "720p/%2e%2e/index.m3u8",
     "720p/..%2f..%2fx.ts", "720p/0.ts", "720p/000000.ts", "720p/0000x.ts", "720p/index.m3u8%00",
     "480p/index.m3u8", "720P/key", "720p/", "x"],
)  # fmt: skip
async def test_no_path_leads_elsewhere(rig: HlsRig, tmp_path: Path, path: str):
    (tmp_path / "secret.ts").write_text("secret")
    answer = await rig.get(at(path))
    assert answer.status_code in (404, 422)
    assert "secret" not in answer.text


async def test_a_link_that_leads_out_is_not_followed(
    rig: HlsRig, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
):
    outside = tmp_path_factory.mktemp("outside") / "x"
    outside.write_text("secret")
    place = tmp_path / names.segment(DRAMA, 1, HASH, "720p", 0)
    place.unlink()
    place.symlink_to(outside)
    assert code(await rig.get(at("720p/00000.ts"))) == "no_video"


async def test_what_is_not_there_is_said_so(rig: HlsRig):
    for thing in ("540p/index.m3u8", "720p/00009.ts"):
        assert code(await rig.get(at(thing))) == "no_video"
    assert code(await rig.get(at("master.m3u8", hash12=OTHER_HASH))) == "no_video"


@pytest.mark.parametrize("text", ["#EXTM3U\nhttp://elsewhere/a.ts\n", "not one", "#EXTM3U\n" + "#\n" * 200_000, "\xff"])
async def test_a_damaged_playlist_is_not_passed_on(rig: HlsRig, tmp_path: Path, text: str):
    for key in (names.playlist(DRAMA, 1, HASH, "720p"), names.master(DRAMA, 1, HASH)):
        (tmp_path / key).write_text(text, "latin-1")
    assert code(await rig.get(at("720p/index.m3u8"))) == "no_video"
    assert code(await rig.get(at("master.m3u8"))) == "no_video"


# -- behind a CDN ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signing", Signing)
async def test_segments_are_where_the_cdn_has_them_for_as_long_as_the_grant(tmp_path: Path, signing: Signing):
    settings = with_cdn(media_cdn_signing=signing.value, media_cdn_life_s=900)
    rig = HlsRig(tmp_path, settings)
    ends_ms = NOW_MS + 600_000
    text = (await rig.get(at("720p/index.m3u8", expires_ms=ends_ms))).text
    assert text.replace("https://cdn.example", "") != text
    addresses = [line for line in text.splitlines() if line.startswith("https://cdn.example/")]
    assert len(addresses) == 2
    assert 'URI="key"' in text
    for number, address in enumerate(addresses):
        rest = address.removeprefix("https://cdn.example")
        key = settings.media_cdn_key.get_secret_value()
        path = "/" + names.segment(DRAMA, 1, HASH, "720p", number)
        now_s, late_s = NOW_MS // 1000, ends_ms // 1000 + 1
        assert genuine(signing, [key], rest, now_s, 900) == path
        assert genuine(signing, [key], rest, late_s, 900) is None
        assert urlsplit(address).hostname == "cdn.example"


async def test_playlists_that_only_mysql_has_are_served_from_there(tmp_path: Path):
    rig = HlsRig(tmp_path, with_cdn())
    elsewhere = {"hash12": OTHER_HASH}
    assert code(await rig.get(at("master.m3u8", **elsewhere))) == "no_video"
    rig.texts.put({names.master(DRAMA, 1, OTHER_HASH): a_master(), names.playlist(DRAMA, 1, OTHER_HASH, "720p"): INDEX})
    assert (await rig.get(at("master.m3u8", **elsewhere))).text == a_master()
    assert (
        f"/hls/{DRAMA}/1/{OTHER_HASH}/720p/00000.ts?sign=" in (await rig.get(at("720p/index.m3u8", **elsewhere))).text
    )
    rig.texts.away = True
    assert (await rig.get(at("master.m3u8", **elsewhere))).status_code == 503


@pytest.mark.parametrize("key", ["", "x", "no-letters-and-digits"])
def test_a_cdn_without_a_key_is_refused_at_the_start(tmp_path: Path, key: str):
    with pytest.raises(WeakCdnKey):
        HlsRig(tmp_path, with_cdn(media_cdn_key=SecretStr(key)))
