"""/v1/admin/media/dramas/.../releases on twins: staff schedule, release and take back by the terminal's rules."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from domain.media.orders import Surface, What
from infra.fold_store import Wait
from ingest_api.auth import Scope
from ingest_api.media_admin import examples
from ingest_api.media_admin.releases import ReleaseAdmin
from tests.api import Twins, caller, code
from tests.builders import DRAMA, NOW_MS, OTHER_DRAMA, a_token
from tests.memory_releases import MemoryReleases

HERE = f"/v1/admin/media/dramas/{DRAMA}/releases"
LATER_MS, HOUR_MS = NOW_MS + 60_000, 3_600_000
EVERY_ROUTE = [
    ("GET", "", None), ("PUT", "", examples.SCHEDULE), ("POST", "/recall", examples.SCHEDULE),
    ("POST", "/now", examples.RELEASE_NOW),
]  # fmt: skip


class Rig:
    """A drama of three episodes; those of 2 and 3 come at LATER_MS."""

    def __init__(self) -> None:
        twins = Twins()
        self.desk, self.app = MemoryReleases(twins.now_ms, [0, LATER_MS, LATER_MS]), twins.app()
        self.app.state.release_admin = ReleaseAdmin(self.desk, threads=self.app.state.threads[1], now_ms=twins.now_ms)

    async def ask(self, method: str, what: str = "", scope: Scope = Scope.ADMIN, **how: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {a_token(41, scope=scope)}"}
        async with caller(self.app) as client:
            return await client.request(method, HERE + what, headers=headers, **how)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def moments(answer: httpx.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [one["release_ms"] for one in answer.json()["episodes"]]


async def test_they_are_shown(rig: Rig):
    answer = await rig.ask("GET")
    assert answer.headers["cache-control"] == "no-store"
    told = answer.json()
    assert (told["drama_id"], told["released"], told["published"], told["taken_down"]) == (DRAMA, 1, True, False)
    assert [(one["episode_no"], one["has_video"]) for one in told["episodes"]] == [(1, True), (2, False), (3, False)]
    assert moments(answer) == [0, LATER_MS, LATER_MS]


async def test_a_schedule_begins_with_the_first_that_is_not_out(rig: Rig):
    sent = {"from_ms": LATER_MS, "every_minutes": 60}
    for _ in range(2):
        assert moments(await rig.ask("PUT", json=sent)) == [0, LATER_MS, LATER_MS + HOUR_MS]
    (order,) = rig.desk.orders
    assert (order.what, order.surface, order.who) == (What.SCHEDULE, Surface.API, "41")
    assert (order.drama_id, order.episode_no, str(LATER_MS) in order.detail) == (DRAMA, 2, True)


async def test_some_come_now(rig: Rig):
    assert moments(await rig.ask("POST", "/now", json={"first": 2})) == [0, NOW_MS, LATER_MS]
    assert [(one.what, one.episode_no) for one in rig.desk.orders] == [(What.RELEASE, 2)]


async def test_what_viewers_may_watch_is_taken_back_only_where_that_is_asked_for(rig: Rig):
    sent = {"from_ms": LATER_MS, "first": 1}
    refused = await rig.ask("PUT", json=sent)
    assert (refused.status_code, code(refused)) == (409, "needs_recall")
    assert "episodes 1 to 1 now" in refused.json()["error"]["message"]
    assert rig.desk.orders == []
    assert moments(await rig.ask("POST", "/recall", json=sent))[0] == LATER_MS
    assert [(one.what, one.detail.split(":")[0]) for one in rig.desk.orders] == [(What.RECALL, "1 to 1 taken back")]


async def test_a_recall_that_takes_nothing_back_is_a_schedule(rig: Rig):
    assert moments(await rig.ask("POST", "/recall", json={"from_ms": LATER_MS + 1}))[1] == LATER_MS + 1
    assert [one.what for one in rig.desk.orders] == [What.SCHEDULE]


@pytest.mark.parametrize(
    ("method", "what", "sent"),
    [("PUT", "", {"from_ms": LATER_MS + 9}), ("POST", "/now", {"first": 2}),
     ("POST", "/recall", {"from_ms": LATER_MS, "first": 1})],
)  # fmt: skip
async def test_a_dry_run_only_says_it(rig: Rig, method: str, what: str, sent: dict[str, Any]):
    assert moments(await rig.ask(method, what, json={**sent, "dry_run": True})) != [0, LATER_MS, LATER_MS]
    assert (rig.desk.moments, rig.desk.orders) == ([0, LATER_MS, LATER_MS], [])


@pytest.mark.parametrize(
    ("sent", "why"),
    [({"from_ms": NOW_MS - 1}, "is over"), ({"from_ms": LATER_MS, "first": 4}, "no episode 4"),
     ({"from_ms": LATER_MS - 1, "first": 3}, "episode 2 is released later"),
     ({"from_ms": 4_102_444_800_000}, "2099")],
)  # fmt: skip
async def test_what_cannot_be_is_refused_as_at_the_terminal(rig: Rig, sent: dict[str, Any], why: str):
    answer = await rig.ask("PUT", json=sent)
    assert (answer.status_code, code(answer), why in answer.json()["error"]["message"]) == (422, "invalid", True)
    assert rig.desk.orders == []


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{}", 422), (b"", 400), (b"{", 400), (b'{"from_ms": 1}', 422), (b'{"from_ms": "soon"}', 422),
     (b'{"from_ms": 1796119200000, "every_minutes": 0}', 422), (b'{"from_ms": 1796119200000, "episodes": 0}', 422),
     (b'{"from_ms": 1796119200000, "every_minutes": 527041}', 422), (b'{"from_ms": 1796119200000, "first": -1}', 422),
     (b'{"from_ms": 1796119200000, "recall": true}', 422), (b"x" * 9_000, 413)],
)  # fmt: skip
async def test_what_is_no_schedule_is_refused(rig: Rig, body: bytes, status: int):
    assert (await rig.ask("PUT", content=body)).status_code == status
    assert rig.desk.orders == []


@pytest.mark.parametrize(("method", "what", "sent"), EVERY_ROUTE)
async def test_who_may_and_what_does_not_answer(rig: Rig, method: str, what: str, sent: Any):
    how = {"json": {**sent, "from_ms": LATER_MS}} if sent and "from_ms" in sent else {"json": sent} if sent else {}
    for scope in (Scope.VIEWER, Scope.BACKFILL):
        assert code(await rig.ask(method, what, scope, **how)) == "admins_only"
    other = HERE.replace(f"/{DRAMA}/", f"/{OTHER_DRAMA}/")
    async with caller(rig.app) as client:
        headers = {"authorization": f"Bearer {a_token(41, scope=Scope.ADMIN)}"}
        missing = await client.request(method, other + what, headers=headers, **how)
    assert (missing.status_code, code(missing)) == (404, "unknown_drama")
    rig.desk.error = Wait("redis", "away")
    away = await rig.ask(method, what, **how)
    assert (away.status_code, code(away)) == (503, "jobs_unavailable")
    assert rig.desk.orders == []
