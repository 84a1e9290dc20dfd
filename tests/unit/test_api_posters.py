"""GET /v1/posters on twins: pictures for everybody, kept by everybody, gone with their drama."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from domain.media import names
from domain.media.cdn_address import Signing, genuine
from ingest_api.hls.posters import ANYBODY, AT_ONCE
from tests.api import code
from tests.builders import DRAMA, NOW_S
from tests.hls_rig import HASH, OTHER_HASH, HlsRig, with_cdn

WEBP, JPEG = b"RIFF....WEBP", b"\xff\xd8\xff jpeg"
NOW = f"/v1/posters/{DRAMA}/1"
EXACT = f"{NOW}/{HASH}/0-480.webp"


@pytest.fixture
def rig(tmp_path: Path) -> HlsRig:
    made = HlsRig(tmp_path)
    for kind, data in (("webp", WEBP), ("jpg", JPEG)):
        place = tmp_path / names.poster(DRAMA, 1, HASH, 0, width=480, kind=kind)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    return made


async def test_a_picture_of_a_rendition_is_kept_for_good(rig: HlsRig):
    answer = await rig.get(EXACT)
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, WEBP, "image/webp")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["access-control-allow-origin"] == "*"
    tag = answer.headers["etag"]
    for known in (tag, f'W/{tag}, "other"', f'"other",{tag}'):
        again = await rig.get(EXACT, **{"if-none-match": known})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert (await rig.get(EXACT, **{"if-none-match": '"other"'})).status_code == 200


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("image/avif,image/webp,*/*;q=0.8", "image/webp"),
        ("IMAGE/WEBP", "image/webp"),
        ("*/*", "image/jpeg"),
        ("", "image/jpeg"),
        ("image/webp;q=0, image/*", "image/jpeg"),
        ("image/webp;q=0.5", "image/webp"),
    ],
)
async def test_the_picture_of_now_is_in_the_best_form_that_is_taken(rig: HlsRig, accept: str, kind: str):
    answer = await rig.get(NOW, accept=accept)
    assert (answer.status_code, answer.headers["content-type"]) == (200, kind)
    assert answer.headers["vary"] == "accept"
    assert answer.headers["cache-control"] == "public, max-age=1"


async def test_what_people_chose_is_shown_to_who_kept_the_picture_before(rig: HlsRig, tmp_path: Path):
    other = b"RIFF....the other"
    (tmp_path / names.poster(DRAMA, 1, HASH, 1, width=480, kind="webp")).write_bytes(other)
    before = await rig.get(NOW, accept="image/webp")
    tag = before.headers["etag"]
    assert (await rig.get(NOW, accept="image/webp", **{"if-none-match": tag})).status_code == 304
    drama = rig.catalogue.current.drama(DRAMA)
    assert drama is not None
    rig.catalogue.current = rig.catalogue.current.with_changes([msgspec.structs.replace(drama, posters=b"\x01\x00")])
    after = await rig.get(NOW, accept="image/webp", **{"if-none-match": tag})
    assert (after.status_code, after.content) == (200, other)
    assert after.headers["etag"] != tag
    assert (await rig.get(f"{NOW}?number=0", accept="image/webp")).content == WEBP, "who names one gets that one"


@pytest.mark.parametrize("address", [NOW, EXACT])
async def test_after_a_take_down_there_is_no_picture(rig: HlsRig, address: str):
    rig.catalogue.current = rig.catalogue.current.with_takedowns([DRAMA])
    assert code(await rig.get(address)) == "unknown_episode"
    rig.catalogue.age_s = float("inf")
    assert (await rig.get(address)).status_code == 503


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        ("/1/" + OTHER_HASH + "/0-480.webp", 404), ("/2", 404), ("/99", 404), ("/1?number=1", 404),
        ("/1?width=720", 404), ("/1?width=481", 422), ("/1?number=-1", 422), (f"/1/{HASH}/0-480.svg", 422),
        (f"/1/{HASH}/0-1.webp", 422), ("/1/..%2f..%2f/0-480.webp", 404), ("/1/XYZ/0-480.webp", 422),
        (f"/1/{HASH}/..-480.webp", 422),
    ],
)  # fmt: skip
async def test_what_is_no_picture_is_said_so(rig: HlsRig, rest: str, status: int):
    assert (await rig.get(f"/v1/posters/{DRAMA}{rest}")).status_code == status


async def test_a_picture_that_only_the_cdn_has_is_there(tmp_path: Path):
    settings = with_cdn(media_cdn_life_s=400)
    rig = HlsRig(tmp_path, settings)
    for address, kept_s in ((EXACT, 200), (NOW, 1)):  # the address it names lives twice as long; now is now
        answer = await rig.get(address, accept="image/webp")
        assert answer.status_code == 307
        assert answer.headers["cache-control"] == f"public, max-age={kept_s}"
        rest = answer.headers["location"].removeprefix("https://cdn.example")
        key = settings.media_cdn_key.get_secret_value()
        path = "/" + names.poster(DRAMA, 1, HASH, 0, width=480, kind="webp")
        assert genuine(Signing.D, [key], rest, NOW_S + 400, 400) == path


async def test_who_reads_slowly_does_not_keep_all_files_open(rig: HlsRig):
    places = rig.app.state.posters.places
    with ExitStack() as sending:
        for _ in range(AT_ONCE):
            sending.enter_context(places.one(ANYBODY))
        assert code(await rig.get(EXACT)) == "media_busy"
    assert (await rig.get(EXACT)).status_code == 200
    assert places.taken == 0
