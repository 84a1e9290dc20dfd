"""/v1/admin/media/dramas: who may, what there is not, how large a body is, and what the document shows of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.media.wechat_drama import Dossier, missing
from ingest_api.auth import Scope
from ingest_api.media_admin import examples
from ingest_api.media_admin.answers import BegunAnswer, UploadAnswer
from ingest_api.media_admin.drama_answers import DramaAnswer
from ingest_api.media_admin.orders import (
    NewJob,
    NewPaper,
    NewPapers,
    NewUpload,
    PosterNumber,
    RecordNumber,
    Replacement,
)
from ingest_api.media_admin.posters import CandidatesAnswer
from tests.api import SETTINGS, caller, code
from tests.drama_admin_rig import DRAMAS, EVERY_ROUTE, ONE, SOURCE, Rig, dossier_of


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(SETTINGS.model_copy(update={"media_root": str(tmp_path)}))


@pytest.mark.parametrize("scope", [Scope.VIEWER, Scope.BACKFILL])
@pytest.mark.parametrize(("method", "path", "body"), EVERY_ROUTE)
async def test_it_is_for_admins(rig: Rig, scope: Scope, method: str, path: str, body: Any):
    answer = await rig.ask(method, path, scope=scope, json=body)
    assert (answer.status_code, code(answer)) == (403, "admins_only")
    async with caller(rig.app) as client:
        assert (await client.request(method, path, json=body)).status_code == 401
    assert rig.ordered() == []


@pytest.mark.parametrize(("method", "path", "body"), EVERY_ROUTE[1:])
async def test_a_drama_that_the_catalogue_does_not_have_is_unknown(rig: Rig, method: str, path: str, body: Any):
    path = path.replace(ONE, f"{DRAMAS}/404")
    body = body | {"source": ""} if path.endswith("replace") else body
    answer = await rig.ask(method, path, json=body)
    assert answer.status_code == 404
    assert code(answer) in ("unknown_drama", "unknown_episode")
    zero = await rig.ask(method, path.replace("/404", "/0"), json=body)
    assert zero.status_code == 422


@pytest.mark.parametrize(("method", "path", "body"), EVERY_ROUTE)
async def test_bodies_are_bounded_and_mysql_may_be_away(rig: Rig, method: str, path: str, body: Any):
    if body is not None:
        assert (await rig.ask(method, path, content=b"x" * 70_000)).status_code == 413
        assert (await rig.ask(method, path, content=b"{")).status_code == 400
    if path.endswith("papers"):
        return  # asks nobody
    await rig.ticked()
    rig.book.away = True
    fits = dossier_of(title="别的") if path.endswith("dossier") else {**(body or {}), "source": SOURCE}
    sent = fits if path.endswith(("dossier", "replace")) else body
    answer = await rig.ask(method, path, json=sent)
    assert (answer.status_code, code(answer), answer.headers["retry-after"]) == (503, "jobs_unavailable", "2")


async def test_without_storage_a_paper_has_nowhere_to_go():
    assert code(await Rig(SETTINGS).ask("POST", f"{ONE}/papers", json=examples.PAPER)) == "no_storage"


@pytest.mark.parametrize(
    ("example", "kind"),
    [(examples.JOB, NewJob), (examples.UPLOAD, NewUpload), (examples.PAPER, NewPaper), (examples.PAPERS, NewPapers),
     (examples.RECORD_NUMBER, RecordNumber), (examples.REPLACEMENT, Replacement), (examples.POSTER, PosterNumber),
     (examples.DRAMA, DramaAnswer)],
)  # fmt: skip
def test_what_the_document_shows_is_what_is_taken(example: dict[str, Any], kind: type):
    msgspec.convert(example, kind)
    CandidatesAnswer(**examples.CANDIDATES)
    UploadAnswer(**examples.UPLOADED)
    BegunAnswer(**examples.BEGUN)


def test_the_dossier_that_the_document_shows_lacks_nothing():
    assert missing(msgspec.convert(examples.DRAMA["dossier"], Dossier)) == []
