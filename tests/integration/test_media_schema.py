"""Media keeps to its OpenAPI document: requests made from it, right and wrong, get answers that it describes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import schemathesis
from fastapi import FastAPI

from infra.media.drama_desk import DramaDesk
from ingest_api.auth import Scope
from ingest_api.media_admin.dramas import DramaAdmin
from ingest_api.media_admin.posters import PosterAdmin
from ingest_api.media_admin.releases import ReleaseAdmin
from ingest_api.media_admin.service import MediaAdmin
from ingest_api.media_admin.uploads import uploads_of
from tests.builders import DRAMA, NOW_MS, a_token
from tests.hls_rig import KEY, HlsRig, a_grant
from tests.memory_dramas import MemoryDramas
from tests.memory_jobs import MemoryJobs
from tests.memory_posters import MemoryPosters
from tests.memory_releases import MemoryReleases
from tests.openapi import CHECKS, examples
from tests.wechat_builders import LI, a_dossier

_folder = tempfile.TemporaryDirectory(prefix="juliu-media-schema-")


def an_app() -> FastAPI:
    """Encrypted episodes, and a queue of jobs."""
    rig = HlsRig(Path(_folder.name))
    rig.app.state.media_admin = MediaAdmin(
        MemoryJobs(lambda: NOW_MS), rig.catalogue, uploads_of(rig.settings, KEY), threads=rig.app.state.threads[1],
        now_ms=lambda: NOW_MS,
    )  # fmt: skip
    dramas = MemoryDramas(lambda: NOW_MS, {DRAMA: 3})
    dramas.put(a_dossier(DRAMA), LI)
    rig.app.state.drama_admin = DramaAdmin(
        DramaDesk(dramas, MemoryJobs(lambda: NOW_MS)), rig.catalogue, uploads_of(rig.settings, KEY),
        threads=rig.app.state.threads[1], now_ms=lambda: NOW_MS,
    )  # fmt: skip
    rig.app.state.poster_admin = PosterAdmin(
        MemoryPosters(), rig.catalogue, uploads_of(rig.settings, KEY), threads=rig.app.state.threads[1],
        now_ms=lambda: NOW_MS,
    )  # fmt: skip
    rig.app.state.release_admin = ReleaseAdmin(
        MemoryReleases(lambda: NOW_MS), threads=rig.app.state.threads[1], now_ms=lambda: NOW_MS
    )
    rig.app.state.threads = []  # each call starts and ends the app: the threads are for all of them
    return rig.app


schema = schemathesis.openapi.from_asgi("/openapi.json", an_app())


@schema.include(path_regex="^/v1/hls/|^/v1/posters/").parametrize()
@examples(20)
def test_what_players_and_pages_fetch(case: schemathesis.Case) -> None:
    if "grant" in case.path_parameters and len(case.path_parameters["grant"]) % 2:
        case.path_parameters["grant"] = a_grant()
    case.validate_response(case.call(), checks=CHECKS)


@schema.include(path_regex="^/v1/admin/media/").parametrize()
@examples(20)
def test_what_staff_ask_for(case: schemathesis.Case) -> None:
    if "drama_id" in case.path_parameters and len(str(case.path_parameters["drama_id"])) % 2:
        case.path_parameters["drama_id"] = DRAMA
    answer = case.call(headers={"Authorization": f"Bearer {a_token(scope=Scope.ADMIN)}"})
    case.validate_response(answer, checks=CHECKS)


@schema.include(path_regex="^/v1/media/(storage|callbacks)/").parametrize()
@examples(15)
def test_what_comes_in_by_itself(case: schemathesis.Case) -> None:
    case.validate_response(case.call(), checks=CHECKS)
