"""GET /v1/media on twins: a signed address gets the video or a range of it, nothing else gets anything."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from domain import media_address
from domain.audience import ANYBODY, Audience
from domain.media import names
from domain.media_address import Address
from infra.catalogue.media_paths import PathsUnavailable
from ingest_api.play.errors import MediaBusy, RangeNotThere
from ingest_api.play.media import REMEMBERED_S, Media
from ingest_api.play.video import AT_ONCE, AT_ONCE_EACH, Places, in_file
from tests.api import SETTINGS, Twins, caller, code
from tests.builders import DRAMA, NOW_MS, OTHER_DRAMA, TICKET_SECRET, USER, a_drama

KEY = TICKET_SECRET.encode()
FILE = bytes(range(256)) * 600  # several pieces of 64 KB
PATHS = {
    (DRAMA, 1): "dramas/7/1.mp4",
    (DRAMA, 2): "dramas/7/gone.mp4",
    (DRAMA, 3): "out.mp4",
    (OTHER_DRAMA, 1): "dramas/7",
    (OTHER_DRAMA, 2): "dramas/7/empty.mp4",
    (OTHER_DRAMA, 3): "../secret.txt",
}


class MemoryPaths:
    def __init__(self) -> None:
        self.away = False
        self.asked = 0

    def path(self, drama_id: int, episode_no: int) -> str:
        self.asked += 1
        if self.away:
            raise PathsUnavailable
        return PATHS.get((drama_id, episode_no), "")


class Rig:
    """The API with a folder of videos."""

    def __init__(self, root: str) -> None:
        self.twins = Twins()
        self.app = self.twins.app(SETTINGS.model_copy(update={"media_root": root}))
        self.paths = MemoryPaths()
        self.monotonic_s = 0.0
        self.app.state.media = Media(
            root, [KEY], self.paths, self.twins.catalogue, threads=self.app.state.threads[-1], now_ms=lambda: NOW_MS,
            clock=lambda: self.monotonic_s,
        )  # fmt: skip

    async def get(
        self, drama_id: int = DRAMA, episode_no: int = 1, signature: str = "", expires_ms: int = NOW_MS + 60_000,
        user: int = USER, audience: Audience = ANYBODY, said: Audience | None = None, **headers: str,
    ) -> Any:  # fmt: skip
        """`said`: for whom the address says that it is, where that is not what was signed."""
        signature = signature or media_address.sign(KEY, Address(user, drama_id, episode_no, expires_ms, audience))
        query: dict[str, Any] = {"user": user, "expires": expires_ms, "signature": signature}
        query |= (said or audience)._asdict() if said or audience != ANYBODY else {}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        async with caller(self.app) as client:
            return await client.get(f"/v1/media/{drama_id}/{episode_no}", params=query, headers=named)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    (folder / "dramas" / "7").mkdir(parents=True)
    (folder / "dramas" / "7" / "1.mp4").write_bytes(FILE)
    (folder / "dramas" / "7" / "empty.mp4").write_bytes(b"")
    (tmp_path / "secret.txt").write_text("not a video")
    (folder / "out.mp4").symlink_to(tmp_path / "secret.txt")
    return folder


@pytest.fixture
def rig(root: Path) -> Rig:
    return Rig(str(root))


async def test_a_signed_address_gets_the_video(rig: Rig) -> None:
    answer = await rig.get()
    assert (answer.status_code, answer.content == FILE) == (200, True)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["cache-control"] == "private, max-age=60"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_it_is_held_to_the_dramas_regions_and_age_of_that_moment(rig: Rig) -> None:
    young, here = Audience("CN", 17), Audience("CN", 18)
    assert (await rig.get(audience=young)).status_code == 200
    catalogue = rig.twins.catalogue
    catalogue.current = catalogue.current.with_changes([a_drama(region="CN", min_age=18)])
    assert code(await rig.get(audience=young)) == code(await rig.get(audience=Audience("TW", 30))) == "unknown_episode"
    assert (await rig.get(audience=here)).content == FILE
    assert (await rig.get()).content == FILE, "an address of before says for nobody"


async def test_for_whom_it_is_cannot_be_changed(rig: Rig) -> None:
    assert code(await rig.get(audience=Audience("CN", 17), said=Audience("CN", 18))) == "bad_address"
    assert code(await rig.get(audience=Audience("CN", 17), said=Audience("", 17))) == "bad_address"
    assert code(await rig.get(audience=Audience("CN", 17), said=ANYBODY)) == "bad_address"
    assert code(await rig.get(audience=Audience("CN1", 7), said=Audience("CN", 17))) == "bad_address"


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-", 100, len(FILE)),
        ("bytes=-10", len(FILE) - 10, len(FILE)),
        ("bytes=70000-140000", 70_000, 140_001),
        (f"bytes=5-{10**17}", 5, len(FILE)),
        (f"bytes=-{10**17}", 0, len(FILE)),
    ],
)
async def test_a_range_gets_that_range(rig: Rig, asked: str, start: int, end: int) -> None:
    answer = await rig.get(range=asked)
    assert (answer.status_code, answer.content == FILE[start:end]) == (206, True)
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(FILE)}"
    assert answer.headers["content-length"] == str(end - start)


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "bytes=9-3", "bytes=-", "bytes=x-", "lines=1-2", "", "bytes=0-1-2"])
async def test_what_is_no_single_range_gets_the_whole(rig: Rig, asked: str) -> None:
    answer = await rig.get(range=asked)
    assert (answer.status_code, len(answer.content)) == (200, len(FILE))


@pytest.mark.parametrize("asked", [f"bytes={len(FILE)}-", f"bytes={10**17}-{10**17 + 1}", "bytes=-0"])
async def test_a_range_outside_is_said_so(rig: Rig, asked: str) -> None:
    answer = await rig.get(range=asked)
    assert (answer.status_code, code(answer)) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{len(FILE)}"


async def test_a_range_of_what_has_changed_gets_the_whole(rig: Rig) -> None:
    tag = (await rig.get()).headers["etag"]
    assert (await rig.get(range="bytes=0-9", if_range=tag)).status_code == 206
    assert (await rig.get(range="bytes=0-9", if_range='"older"')).status_code == 200


async def test_an_empty_file_is_a_video_without_ranges(rig: Rig) -> None:
    assert (await rig.get(OTHER_DRAMA, 2)).status_code == 200
    assert (await rig.get(OTHER_DRAMA, 2, range="bytes=0-")).status_code == 416


# -- no address of ours ----------------------------------------------------------------------------------------------

GOOD = media_address.sign(KEY, Address(USER, DRAMA, 1, NOW_MS + 60_000))


@pytest.mark.parametrize(
    "change",
    [
        {"drama_id": OTHER_DRAMA},
        {"episode_no": 2},
        {"user": USER + 1},
        {"expires_ms": NOW_MS + 60_001},
        {"expires_ms": 2**53 - 1},
    ],
)
async def test_an_address_that_was_changed_is_none(rig: Rig, change: dict[str, int]) -> None:
    answer = await rig.get(signature=GOOD, **change)
    assert (answer.status_code, code(answer)) == (403, "bad_address")
    assert rig.paths.asked == 0


async def test_an_address_ends(rig: Rig) -> None:
    assert (await rig.get(expires_ms=NOW_MS)).status_code == 403


@pytest.mark.parametrize("signature", ["A" * 43, "é" * 43, GOOD[:-1] + "="])
async def test_a_made_up_signature_is_none(rig: Rig, signature: str) -> None:
    assert (await rig.get(signature=signature)).status_code == 403


@pytest.mark.parametrize("query", ["", "?user=7", "?user=7&expires=1&signature=x", "?user=x&expires=1&signature="])
async def test_half_an_address_is_said_so(rig: Rig, query: str) -> None:
    async with caller(rig.app) as client:
        assert (await client.get(f"/v1/media/{DRAMA}/1{query}")).status_code == 422


# -- no video --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("drama_id", "episode_no"),
    [(DRAMA, 2), (DRAMA, 3), (OTHER_DRAMA, 1), (OTHER_DRAMA, 3), (OTHER_DRAMA, 4)],
    ids=["no file", "a link that leads out", "a folder", "a path that leads out", "no path"],
)
async def test_what_is_no_file_of_the_media_folder_is_not_served(rig: Rig, drama_id: int, episode_no: int) -> None:
    answer = await rig.get(drama_id, episode_no)
    assert (answer.status_code, code(answer)) == (404, "no_video")
    assert "secret" not in answer.text


async def test_a_rendition_has_another_address(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PATHS, (DRAMA, 1), names.master(DRAMA, 1, "0123456789ab"))
    answer = await rig.get()
    assert (answer.status_code, code(answer)) == (403, "bad_address")


async def test_without_a_folder_there_are_no_videos() -> None:
    assert code(await Rig("").get()) == "no_video"


async def test_a_drama_taken_down_is_not_served_at_addresses_given_out_before(rig: Rig) -> None:
    assert (await rig.get()).status_code == 200
    rig.twins.catalogue.current = rig.twins.catalogue.current.with_takedowns([DRAMA])
    assert code(await rig.get()) == "unknown_episode"


async def test_a_path_is_asked_for_once_a_while_and_served_without_mysql_meanwhile(rig: Rig) -> None:
    assert (await rig.get()).status_code == 200
    rig.paths.away = True
    assert (await rig.get()).status_code == 200
    assert rig.paths.asked == 1
    rig.monotonic_s = REMEMBERED_S
    answer = await rig.get()
    assert (answer.status_code, code(answer), answer.headers["retry-after"]) == (503, "media_unavailable", "2")


# -- many ------------------------------------------------------------------------------------------------------------


async def test_many_at_once_are_all_served(rig: Rig) -> None:
    answers = await asyncio.gather(*(rig.get(user=1 + n // 4) for n in range(40)))
    assert all(answer.content == FILE for answer in answers)


def test_places_have_a_bound_of_all_and_of_each() -> None:
    places = Places()
    held = [places.one(1) for _ in range(AT_ONCE_EACH)]
    for place in held:
        place.__enter__()
    with pytest.raises(MediaBusy):
        places.one(1).__enter__()
    others = [places.one(2 + n) for n in range(AT_ONCE - AT_ONCE_EACH)]
    for place in others:
        place.__enter__()
    with pytest.raises(MediaBusy):
        places.one(10_000).__enter__()
    for place in held + others:
        place.__exit__(None, None, None)
    with places.one(1):
        pass


def test_ranges_of_nothing_are_outside() -> None:
    with pytest.raises(RangeNotThere):
        in_file("bytes=-5", 0)
