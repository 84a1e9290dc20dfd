"""/v1/admin/media on twins: staff hand in what was uploaded for an episode, see it, stop it; CI's word is a hint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from domain.media import names, orders
from domain.media.steps import Step
from infra.media.job import Job, StepRow
from infra.settings import Settings
from ingest_api.auth import Scope
from ingest_api.media_admin.answers import JobAnswer, StepAnswer
from tests.api import SETTINGS, caller, code
from tests.builders import DRAMA, NOW_MS, NOW_S, OTHER_DRAMA, USER, a_token
from tests.hls_rig import with_cdn
from tests.media_admin_rig import BUCKET, JOBS, NEW, UPLOADS, Rig
from tests.media_desk import GIVE_UP, LIFE_MS


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(SETTINGS.model_copy(update={"media_root": str(tmp_path)}))


# -- jobs ------------------------------------------------------------------------------------------------------------


async def test_a_job_is_begun_seen_cancelled_and_done_again(rig: Rig):
    begun = await rig.submit()
    assert (begun.status_code, begun.json()) == (201, {"job_id": 1})
    seen = (await rig.ask("GET", f"{JOBS}/1")).json()
    assert {name: seen[name] for name in NEW} == NEW
    assert [step["step"] for step in seen["steps"]] == ["probe", "check", "ladder", "store", "cdn"]
    assert (seen["state"], seen["steps"][0]["state"]) == ("active", "ready")
    assert (await rig.ask("POST", f"{JOBS}/1/cancel")).json()["state"] == "cancelled"
    again = (await rig.ask("POST", f"{JOBS}/1/retry")).json()
    assert (again["state"], again["rounds"]) == ("active", 1)


async def test_what_failed_says_what_to_do(rig: Rig):
    await rig.submit()
    leased = rig.jobs.lease("w", LIFE_MS, [Step.PROBE])
    assert leased
    rig.jobs.fail(leased, GIVE_UP)
    seen = (await rig.ask("GET", f"{JOBS}/1")).json()
    assert seen["state"] == "failed"
    assert (seen["steps"][0]["failure"], seen["steps"][0]["reason"]) == ("give_up", "gone")


async def test_jobs_are_listed_page_by_page_and_by_what_they_are(rig: Rig):
    for number in (1, 2, 3):
        await rig.submit(episode_no=number, source=names.incoming(DRAMA, number, "x.mp4"))
    await rig.ask("POST", f"{JOBS}/2/cancel")
    first = (await rig.ask("GET", JOBS, params={"count": 2})).json()
    assert ([job["job_id"] for job in first["jobs"]], first["next_after"]) == ([1, 2], 2)
    rest = (await rig.ask("GET", JOBS, params={"count": 2, "after": 2})).json()
    assert ([job["job_id"] for job in rest["jobs"]], rest["next_after"]) == ([3], None)
    active = (await rig.ask("GET", JOBS, params={"state": "active", "drama_id": DRAMA, "episode_no": 3})).json()
    assert [job["job_id"] for job in active["jobs"]] == [3]
    assert (await rig.ask("GET", JOBS, params={"count": 201})).status_code == 422


async def test_one_job_an_episode_at_a_time(rig: Rig):
    await rig.submit()
    refused = await rig.submit()
    assert (refused.status_code, code(refused), refused.json()["job_id"]) == (409, "job_active", 1)
    await rig.ask("POST", f"{JOBS}/1/cancel")
    assert code(await rig.ask("POST", f"{JOBS}/1/cancel")) == "job_not_now"
    assert (await rig.submit()).json() == {"job_id": 2}
    assert code(await rig.ask("POST", f"{JOBS}/1/retry")) == "job_active"


async def test_a_file_that_was_done_is_not_done_twice_unless_somebody_wants_it(rig: Rig):
    await rig.submit(content_hash="a" * 64)
    view = rig.jobs.job(1)
    for row in view.steps:
        leased = rig.jobs.lease("w", LIFE_MS, [row.step])
        assert leased
        rig.jobs.finish(leased, {}, 0)
    refused = await rig.submit(content_hash="a" * 64)
    assert (refused.status_code, code(refused), refused.json()["job_id"]) == (409, "job_done", 1)
    assert (await rig.submit(content_hash="A" * 64)).status_code == 422
    assert (await rig.submit(content_hash="a" * 64, again=True)).status_code == 201


@pytest.mark.parametrize(
    "source",
    ["", "/etc/passwd", "../secret", "incoming/7/1/../../../etc/passwd", names.incoming(DRAMA, 2, "x.mp4"),
     names.incoming(OTHER_DRAMA, 1, "x.mp4"), names.mezzanine(DRAMA, 1, "0123456789ab"), f"incoming/{DRAMA}/1/",
     "http://elsewhere/x.mp4", f"incoming/{DRAMA}/1/.."],
)  # fmt: skip
async def test_only_what_was_uploaded_for_the_episode_is_taken(rig: Rig, source: str):
    assert code(await rig.submit(source=source)) == "not_uploaded"
    assert (await rig.ask("GET", JOBS)).json()["jobs"] == []


@pytest.mark.parametrize("change", [{"drama_id": 404}, {"episode_no": 4, "source": names.incoming(DRAMA, 4, "x.mp4")}])
async def test_what_the_catalogue_does_not_have_is_not_made_for_hours(rig: Rig, change: dict[str, Any]):
    assert code(await rig.submit(**change)) == "unknown_episode"


@pytest.mark.parametrize("kind", ["drama", "replacement", "x"])
async def test_what_is_no_file_of_an_episode_is_ordered_elsewhere(rig: Rig, kind: str):
    """Published without a look at record number and tick, or replaced by an upload's key, it would only fail later."""
    assert (await rig.submit(kind=kind)).status_code == 422
    assert (await rig.submit(episode_no=0)).status_code == 422


async def test_without_a_title_it_is_the_catalogues_and_wechat_must_take_it(rig: Rig):
    await rig.submit(title="")
    assert rig.jobs.job(1).job.title == rig.twins.catalogue.current.drama(DRAMA).title
    second = {"episode_no": 2, "source": names.incoming(DRAMA, 2, "x.mp4")}
    refused = await rig.submit(title="!剧名", wechat=True, **second)
    assert (refused.status_code, code(refused)) == (422, "invalid")
    assert (await rig.submit(title="!剧名", **second)).status_code == 201


async def test_who_ordered_what_is_on_record(rig: Rig):
    await rig.submit()
    await rig.ask("POST", f"{JOBS}/1/cancel")
    await rig.ask("POST", f"{JOBS}/1/cancel")
    await rig.ask("POST", f"{JOBS}/1/retry")
    its = [orders.decode(record.value) for record in rig.jobs.records(10)]
    assert [(one.what, one.surface, one.job_id) for one in its] == [
        ("submit", "api", 1), ("cancel", "api", 1), ("retry", "api", 1),
    ]  # fmt: skip
    assert {one.who for one in its} == {str(USER)}


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[]", 422), (b"{}", 422), (b'{"kind": "x", "drama_id": 7}', 422), (b"x" * 9_000, 413),
     (json.dumps(NEW | {"more": 1}).encode(), 422), (json.dumps(NEW | {"title": "x" * 201}).encode(), 422)],
)  # fmt: skip
async def test_bodies_have_a_form_and_a_bound(rig: Rig, body: bytes, status: int):
    how = {"content": body, "headers": {}}
    headers = {"authorization": f"Bearer {a_token(scope=Scope.ADMIN)}", "content-type": "application/json"}
    async with caller(rig.app) as client:
        answer = await client.post(JOBS, **how | {"headers": headers})
    assert answer.status_code == status


async def test_without_mysql_it_is_said_that_later_is_better(rig: Rig):
    rig.jobs.away = True
    for method, path in (("GET", JOBS), ("GET", f"{JOBS}/1"), ("POST", f"{JOBS}/1/retry")):
        answer = await rig.ask(method, path)
        assert (answer.status_code, code(answer), answer.headers["retry-after"]) == (503, "jobs_unavailable", "2")


async def test_what_there_is_not_is_said_so(rig: Rig):
    for method, path in (("GET", f"{JOBS}/9"), ("POST", f"{JOBS}/9/retry"), ("POST", f"{JOBS}/9/cancel")):
        assert code(await rig.ask(method, path)) == "unknown_job"


@pytest.mark.parametrize("scope", [Scope.VIEWER, Scope.BACKFILL])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", JOBS), ("POST", JOBS), ("GET", f"{JOBS}/1"), ("POST", f"{JOBS}/1/cancel"), ("POST", f"{JOBS}/1/retry"),
     ("POST", UPLOADS)],
)  # fmt: skip
async def test_it_is_for_admins(rig: Rig, scope: Scope, method: str, path: str):
    answer = await rig.ask(method, path, scope, json=NEW)
    assert (answer.status_code, code(answer)) == (403, "admins_only")
    async with caller(rig.app) as client:
        assert (await client.request(method, path, json=NEW)).status_code == 401


# -- uploads ---------------------------------------------------------------------------------------------------------

FILE = {"drama_id": DRAMA, "episode_no": 1, "name": "剧名 - 第1集.mp4", "size": 5}


async def test_a_browser_sends_a_file_and_a_job_takes_it(rig: Rig, tmp_path: Path):
    told = (await rig.ask("POST", UPLOADS, json=FILE)).json()
    assert told["expires_ms"] == NOW_MS + 3_600_000
    async with caller(rig.app) as client:  # with nothing but the address
        assert (await client.request(told["method"], told["address"], content=b"12345")).status_code == 204
    assert (tmp_path / told["key"]).read_bytes() == b"12345"
    assert (await rig.submit(source=told["key"])).status_code == 201


async def test_two_uploads_are_never_one(rig: Rig):
    keys = {(await rig.ask("POST", UPLOADS, json=FILE)).json()["key"] for _ in range(5)}
    assert len(keys) == 5
    assert all(names.is_key(key) for key in keys)


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", ".", "a/b\\c", "\x00", "x" * 255, "剧.MP4", "-rf"])
async def test_hostile_names_become_harmless_keys(rig: Rig, name: str):
    key = (await rig.ask("POST", UPLOADS, json=FILE | {"name": name})).json()["key"]
    assert names.is_key(key)
    assert key.startswith(f"incoming/{DRAMA}/1/")
    assert key.count("/") == 3


@pytest.mark.parametrize("change", [{"size": 0}, {"size": 2**40}, {"name": ""}, {"name": "x" * 256}, {"episode_no": 0}])
async def test_uploads_have_bounds(rig: Rig, change: dict[str, Any]):
    assert (await rig.ask("POST", UPLOADS, json=FILE | change)).status_code == 422


async def test_with_a_bucket_the_browser_sends_it_there():
    told = (await Rig(SETTINGS.model_copy(update=BUCKET)).ask("POST", UPLOADS, json=FILE)).json()
    parts = urlsplit(told["address"])
    assert (parts.scheme, parts.hostname) == ("https", "media-1250000000.cos.ap-shanghai.myqcloud.com")
    assert parts.path == "/" + told["key"]
    assert "q-header-list=content-length%3Bhost" in parts.query
    assert f"q-sign-time={NOW_S - 60}%3B{NOW_S + 3_600}" in parts.query


@pytest.mark.parametrize("settings", [SETTINGS, with_cdn(**(BUCKET | {"cos_bucket": ""}))])
async def test_without_storage_there_is_nowhere_to_send_it(settings: Settings):
    assert code(await Rig(settings).ask("POST", UPLOADS, json=FILE)) == "no_storage"


# -- what is told ------------------------------------------------------------------------------------------------------


def test_of_a_job_everything_is_told_and_of_a_step_all_but_whose_it_is():
    """A field that is new is either told or kept back on purpose: an answer is a promise, a row is not."""
    assert set(JobAnswer.model_fields) == {*Job._fields, "steps"}
    kept_back = {"job_id", "owner", "token", "ready_ms", "first_ms"}
    assert set(StepAnswer.model_fields) == set(StepRow._fields) - kept_back
