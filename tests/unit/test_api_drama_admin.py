"""/v1/admin/media/dramas on twins: staff take a drama from its papers to a replaced episode without a terminal."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from domain.media import names
from domain.media.orders import What
from domain.media.steps import Kind
from domain.media.wechat_drama import Audit
from ingest_api.media_admin import examples
from ingest_api.media_admin.drama_answers import AuditState
from ingest_api.media_admin.orders import (
    MAX_PAPERS,
)
from tests.api import SETTINGS, caller, code
from tests.builders import DRAMA, OTHER_DRAMA
from tests.drama_admin_rig import ANNA, BORIS, DRAMAS, NUMBER, ONE, REPLACE, SOURCE, Rig, dossier_of
from tests.media_desk import LIFE_MS
from tests.wechat_builders import LI, a_dossier


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(SETTINGS.model_copy(update={"media_root": str(tmp_path)}))


# -- papers ----------------------------------------------------------------------------------------------------------


async def test_papers_are_sent_named_and_shown(rig: Rig, tmp_path: Path):
    told = (await rig.ask("POST", f"{ONE}/papers", json={"name": "封面 1.JPG", "size": 3})).json()
    async with caller(rig.app) as client:
        assert (await client.request(told["method"], told["address"], content=b"jpg")).status_code == 204
    assert (tmp_path / told["key"]).read_bytes() == b"jpg"
    answer = await rig.ask("PUT", f"{ONE}/dossier", json=dossier_of(cover=told["key"]))
    assert answer.headers["cache-control"] == "no-store"
    shown = (await rig.ask("GET", ONE)).json()
    assert shown == answer.json()
    assert (shown["drama_id"], shown["dossier"]["cover"], shown["audit"]) == (DRAMA, told["key"], "none")
    assert (shown["ticked_by"], len(shown["missing"])) == ("", 1)
    assert rig.book.standing(DRAMA).dossier == a_dossier(DRAMA, cover=told["key"])


async def test_what_is_handed_in_twice_is_one_order(rig: Rig):
    for _ in range(2):
        await rig.handed_in()
    assert rig.ordered() == [(What.PUT, str(ANNA))]


async def test_two_who_mend_it_at_once_do_not_undo_each_other(rig: Rig):
    await rig.handed_in()
    seen = {"seen": (await rig.ask("GET", ONE)).json()["version"]}
    first = await rig.ask("PUT", f"{ONE}/dossier", json=dossier_of(description="一"), params=seen)
    second = await rig.ask("PUT", f"{ONE}/dossier", json=dossier_of(producer="二"), params=seen, who=BORIS)
    assert (first.status_code, second.status_code, code(second)) == (200, 409, "dossier_changed")
    seen = {"seen": first.json()["version"]}
    assert (await rig.ask("PUT", f"{ONE}/dossier", json=dossier_of(producer="二"), params=seen)).status_code == 200
    assert (await rig.ask("PUT", f"{ONE}/dossier", json=dossier_of(), params={"seen": "x"})).status_code == 422


@pytest.mark.parametrize(
    "change",
    [{"name": "x.pdf"}, {"name": "jpg"}, {"name": ""}, {"name": "x" * 252 + ".png"}, {"size": 0},
     {"size": (10 << 20) + 1}, {"more": 1}],
)  # fmt: skip
async def test_a_paper_is_a_picture_that_wechat_would_take(rig: Rig, change: dict[str, Any]):
    assert (await rig.ask("POST", f"{ONE}/papers", json=examples.PAPER | change)).status_code == 422


@pytest.mark.parametrize(
    "cover",
    [names.paper(OTHER_DRAMA, 12 * "a", "jpg"), names.mezzanine(DRAMA, 1, 12 * "a"), "../../etc/passwd",
     f"papers/{DRAMA}/0/../x.jpg", "http://elsewhere/x.jpg", f"papers/{DRAMA}/1/{12 * 'a'}.jpg"],
)  # fmt: skip
async def test_only_papers_of_the_drama_itself_are_taken(rig: Rig, cover: str):
    answer = await rig.ask("PUT", f"{ONE}/dossier", json=dossier_of(cover=cover))
    assert (answer.status_code, code(answer)) == (422, "invalid")
    assert rig.ordered() == []


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[]", 422), (b"{}", 422), (b'{"drama_id": 8}', 422), (b"x" * (MAX_PAPERS + 1), 413),
     (msgspec.json.encode(dossier_of() | {"cerificate": "x"}), 422),
     (msgspec.json.encode(dossier_of() | {"title": 7}), 422),
     (msgspec.json.encode(dossier_of(record_number="x" * 65)), 422)],
)  # fmt: skip
async def test_a_dossier_has_a_form_and_a_bound(rig: Rig, body: bytes, status: int):
    assert (await rig.ask("PUT", f"{ONE}/dossier", content=body)).status_code == status
    assert code(await rig.ask("GET", ONE)) == "nothing_handed_in"


# -- the record number -----------------------------------------------------------------------------------------------


async def test_the_record_number_is_mended_alone_and_its_tick_goes(rig: Rig):
    await rig.ticked()
    shown = (await rig.ask("PUT", f"{ONE}/record-number", json={"record_number": "V2"}, who=BORIS)).json()
    assert (shown["dossier"]["record_number"], shown["ticked_ms"]) == ("V2", 0)
    assert shown["dossier"]["title"] == a_dossier(DRAMA).title
    other = await rig.ask("POST", f"{ONE}/tick", json={"record_number": NUMBER})
    assert (other.status_code, code(other)) == (409, "other_record_number")
    assert rig.ordered()[-1] == (What.PUT, str(BORIS))


@pytest.mark.parametrize("number", ["", "备 案", "V1\n", "x" * 65, 7])
async def test_what_can_be_no_record_number_is_refused(rig: Rig, number: Any):
    await rig.ticked()
    for method, path in (("PUT", "record-number"), ("POST", "tick")):
        answer = await rig.ask(method, f"{ONE}/{path}", json={"record_number": number})
        assert answer.status_code in (409, 422)
    assert rig.book.standing(DRAMA).ticked_by == str(ANNA)


async def test_two_who_tick_at_once_are_one_tick(rig: Rig):
    await rig.handed_in()
    tick = {"record_number": NUMBER}
    answers = await asyncio.gather(*(rig.ask("POST", f"{ONE}/tick", json=tick, who=who) for who in (ANNA, BORIS) * 4))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["ticked_by"] for answer in answers}) == 1
    assert [what for what, _ in rig.ordered()] == [What.PUT, What.TICK]


# -- publishing ------------------------------------------------------------------------------------------------------


async def test_nothing_is_published_without_number_and_tick_for_the_reasons_that_the_terminal_tells(rig: Rig):
    assert code(await rig.ask("POST", f"{ONE}/publish")) == "nothing_handed_in"
    await rig.handed_in(record_number="", cover="")
    refused = await rig.ask("POST", f"{ONE}/publish")
    assert (refused.status_code, code(refused)) == (409, "drama_incomplete")
    told = refused.json()["missing"]
    assert told == (await rig.ask("GET", ONE)).json()["missing"]
    assert ["备案号" in one for one in told] == [False, True, False]
    assert ["tick" in one for one in told] == [False, False, True]
    await rig.handed_in()
    assert len((await rig.ask("POST", f"{ONE}/publish")).json()["missing"]) == 1, "nobody has ticked it"
    assert [what for what, _ in rig.ordered()] == [What.PUT, What.PUT]


async def test_a_drama_is_published_once_however_often_and_by_whom_it_is_asked_for(rig: Rig):
    await rig.ticked()
    answers = await asyncio.gather(*(rig.ask("POST", f"{ONE}/publish", who=who) for who in (ANNA, BORIS) * 4))
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.json()["job_id"] for answer in answers} == {1}
    assert [answer.json()["new"] for answer in answers].count(True) == 1
    assert [what for what, _ in rig.ordered()].count(What.PUBLISH) == 1
    assert (rig.jobs.job(1).job.kind, rig.jobs.job(1).job.title) == (Kind.DRAMA, a_dossier(DRAMA).title)


# -- replacing -------------------------------------------------------------------------------------------------------


async def test_an_episode_is_replaced_by_a_new_file_without_a_terminal(rig: Rig):
    await rig.ticked()
    rig.book.uploaded(DRAMA, 1, 9_001, "t", 1)
    rig.book.submitted(DRAMA, 5, 1, {1: 9_001})
    nothing = await rig.ask("POST", REPLACE)
    assert (nothing.status_code, code(nothing)) == (409, "nothing_to_replace")
    for new in (True, False):
        assert (await rig.ask("POST", REPLACE, json={"source": SOURCE})).json() == {"job_id": 1, "new": new}
    job = rig.jobs.job(1).job
    assert (job.kind, job.wechat, job.source, job.title) == (Kind.EPISODE, True, SOURCE, a_dossier(DRAMA).title)
    other = await rig.ask("POST", REPLACE, json={"source": names.incoming(DRAMA, 1, "other.mp4")})
    assert (code(other), other.json()["job_id"]) == ("job_active", 1)
    rig.book.uploaded(DRAMA, 1, 9_002, "t", 2)  # the job's last step
    busy = await rig.ask("POST", REPLACE)
    assert (code(busy), busy.json()["job_id"]) == ("job_active", 1), "its job is not over: it is told which"
    for row in rig.jobs.job(1).steps:
        leased = rig.jobs.lease("w", LIFE_MS, [row.step])
        assert leased
        rig.jobs.finish(leased, {}, 0)
    for new in (True, False):
        assert (await rig.ask("POST", REPLACE, json={})).json() == {"job_id": 2, "new": new}
    assert (rig.jobs.job(2).job.kind, rig.jobs.job(2).job.source) == (Kind.REPLACEMENT, "9002")


async def test_a_file_that_was_uploaded_for_another_episode_replaces_none(rig: Rig):
    await rig.handed_in()
    for source in (names.incoming(DRAMA, 2, "x.mp4"), names.mezzanine(DRAMA, 1, 12 * "a"), "x", "../x"):
        assert code(await rig.ask("POST", REPLACE, json={"source": source})) == "not_uploaded"
    assert (await rig.ask("POST", REPLACE, json={"source": SOURCE, "content_hash": "A" * 64})).status_code == 422
    assert code(await rig.ask("POST", f"{ONE}/episodes/4/replace")) == "unknown_episode"


# -- seeing ----------------------------------------------------------------------------------------------------------


async def test_dramas_are_listed_page_by_page_and_by_how_they_stand(rig: Rig):
    await rig.ticked()
    rig.book.put(a_dossier(OTHER_DRAMA), LI)
    rig.book.submitted(OTHER_DRAMA, 5, 1, {})
    first = (await rig.ask("GET", DRAMAS, params={"count": 1})).json()
    lowest, highest = sorted((DRAMA, OTHER_DRAMA))
    assert ([one["drama_id"] for one in first["dramas"]], first["next_after"]) == ([lowest], lowest)
    rest = (await rig.ask("GET", DRAMAS, params={"count": 2, "after": lowest})).json()
    assert ([one["drama_id"] for one in rest["dramas"]], rest["next_after"]) == ([highest], None)
    pending = (await rig.ask("GET", DRAMAS, params={"audit": "pending"})).json()["dramas"]
    assert [(one["drama_id"], one["platform_id"], one["audit"]) for one in pending] == [(OTHER_DRAMA, 5, "pending")]
    for bad in ({"count": 0}, {"count": 101}, {"after": -1}, {"audit": "strange"}):
        assert (await rig.ask("GET", DRAMAS, params=bad)).status_code == 422


async def test_media_of_its_episodes_are_shown(rig: Rig):
    await rig.handed_in()
    rig.book.uploaded(DRAMA, 2, 9_001, "题", 7)
    assert (await rig.ask("GET", ONE)).json()["episodes"] == [
        {"episode_no": 2, "media_id": 9_001, "next_media_id": 0, "title": "题", "made_ms": 7}
    ]


def test_every_state_of_an_audit_has_its_name():
    assert list(get_args(AuditState)) == [audit.name.lower() for audit in Audit]
