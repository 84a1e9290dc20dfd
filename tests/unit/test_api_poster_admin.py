"""/v1/admin/media/dramas/.../posters on twins: staff see the candidates, also before viewers may, and choose one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from domain.media import names
from domain.media.orders import By, Surface
from infra.catalogue.media import UnknownEpisode
from infra.fold_store import Wait
from ingest_api.auth import Scope
from ingest_api.media_admin.posters import PosterAdmin
from ingest_api.media_admin.uploads import uploads_of
from tests.api import SETTINGS, Twins, caller, code
from tests.builders import DRAMA, NOW_MS, TICKET_SECRET, a_token
from tests.hls_rig import HASH
from tests.memory_posters import FOUND, MemoryPosters

EPISODE = f"/v1/admin/media/dramas/{DRAMA}/episodes/1"


class Rig:
    def __init__(self, root: str) -> None:
        settings, self.posters, twins = SETTINGS.model_copy(update={"media_root": root}), MemoryPosters(), Twins()
        self.app = twins.app(settings)
        self.app.state.poster_admin = PosterAdmin(
            self.posters, twins.catalogue, uploads_of(settings, TICKET_SECRET.encode()),
            threads=self.app.state.threads[1], now_ms=lambda: NOW_MS,
        )  # fmt: skip

    async def ask(self, method: str, path: str, scope: Scope = Scope.ADMIN, **how: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {a_token(41, scope=scope)}"}
        async with caller(self.app) as client:
            return await client.request(method, path, headers=headers, **how)


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(str(tmp_path))


async def test_candidates_are_listed_with_addresses_that_show_them(rig: Rig, tmp_path: Path):
    answer = await rig.ask("GET", f"{EPISODE}/posters")
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert (told["hash12"], told["chosen"], told["by_people"]) == (HASH, 0, False)
    assert [(one["number"], one["at_ms"], one["sharpness"]) for one in told["candidates"]] == [
        tuple(one) for one in FOUND
    ]
    second = told["candidates"][1]["pictures"]
    assert {(one["width"], one["kind"]) for one in second} == {(w, k) for w in (240, 480, 720) for k in ("webp", "jpg")}
    (one,) = [one for one in second if (one["width"], one["kind"]) == (480, "webp")]
    assert one["address"] == f"/v1/posters/{DRAMA}/1/{HASH}/1-480.webp"
    place = tmp_path / names.poster(DRAMA, 1, HASH, 1, width=480, kind="webp")
    place.parent.mkdir(parents=True)
    place.write_bytes(b"webp")
    catalogue = rig.app.state.catalogue
    async with caller(rig.app) as client:
        assert (await client.get(one["address"])).content == b"webp"
        catalogue.current = catalogue.current.with_takedowns([DRAMA])
        assert (await client.get(one["address"])).status_code == 404
        assert (await client.get(one["preview"])).content == b"webp", "staff choose before viewers see it"


async def test_one_is_chosen(rig: Rig):
    told = (await rig.ask("PUT", f"{EPISODE}/poster", json={"number": 1})).json()
    assert (told["chosen"], told["by_people"]) == (1, True)
    assert rig.posters.by == By(Surface.API, "41")


@pytest.mark.parametrize(
    ("body", "status"),
    [(b'{"number": 2}', 422), (b'{"number": 10}', 422), (b'{"number": -1}', 422), (b'{"number": "1"}', 422),
     (b"{}", 422), (b"{", 400), (b"", 400), (b'{"number": 1, "more": 1}', 422), (b"x" * 9_000, 413)],
)  # fmt: skip
async def test_only_a_candidate_is_chosen(rig: Rig, body: bytes, status: int):
    assert (await rig.ask("PUT", f"{EPISODE}/poster", content=body)).status_code == status
    assert rig.posters.chosen is None


@pytest.mark.parametrize(("method", "path"), [("GET", "posters"), ("PUT", "poster")])
async def test_who_may_and_what_there_is_not(rig: Rig, method: str, path: str):
    how = {"json": {"number": 1}} if method == "PUT" else {}
    for scope in (Scope.VIEWER, Scope.BACKFILL):
        answer = await rig.ask(method, f"{EPISODE}/{path}", scope, **how)
        assert (answer.status_code, code(answer)) == (403, "admins_only")
    for episode, says in (
        (EPISODE.replace("/1", "/2"), "no_candidates"),
        (EPISODE.replace("/1", "/9"), "unknown_episode"),
    ):
        missing = await rig.ask(method, f"{episode}/{path}", **how)
        assert (missing.status_code, code(missing)) == (404, says)
    for error, status, says in (
        (Wait("redis", "away"), 503, "jobs_unavailable"),
        (UnknownEpisode(), 404, "unknown_episode"),
    ):
        rig.posters.error = error
        answer = await rig.ask(method, f"{EPISODE}/{path}", **how)
        assert (answer.status_code, code(answer)) == (status, says)
    assert rig.posters.chosen is None


async def test_without_storage_there_is_nothing_to_see():
    assert code(await Rig("").ask("GET", f"{EPISODE}/posters")) == "no_storage"
