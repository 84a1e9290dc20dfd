"""Staff and the API as it is installed, on real servers: a drama from its papers to its audit, and its poster."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import redis
from pydantic import SecretStr

from domain.media import names
from infra import namespaces
from infra.catalogue.media import publish_media
from infra.catalogue.shelf import RedisShelf
from infra.media.elsewhere import ElsewhereRows
from infra.media.queue import JobQueue
from infra.mysql.engine import engine_of
from infra.mysql.migrate import migrate
from infra.settings import Settings
from ingest_api.auth import Scope
from tests.builders import SECRET, TICKET_SECRET, a_token
from tests.catalogue import a_line, an_episode
from tests.catalogue_rig import Rig
from tests.media_desk import HASH, OURS, Clock, Desk
from tests.memory_jobs import an_episode as a_file
from tests.served import served
from tests.wechat_builders import a_dossier

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]
DRAMA, STAFF = 7, 41
ONE = f"/v1/admin/media/dramas/{DRAMA}"
NOW, PICTURES = f"/v1/posters/{DRAMA}/1", (b"RIFF the sharpest", b"RIFF another")


@pytest.fixture
def rig(fresh: Settings, tmp_path: Path) -> Iterator[Rig]:
    secrets = {"jwt_secret": SecretStr(SECRET), "ticket_secret": SecretStr(TICKET_SECRET)}
    settings = fresh.model_copy(update={**secrets, "media_root": str(tmp_path / "media")})
    migrate(settings)
    namespaces.create(settings)
    with redis.Redis.from_url(settings.redis_url) as client:
        made = Rig(settings, engine_of(settings), client, RedisShelf.of(settings), tmp_path)
        made.publishes(a_line(DRAMA, episodes=[an_episode(1, media_path="")]))
        yield made
        made.engine.dispose()
        made.shelf.close()


@pytest.fixture
async def api(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    async with served(rig.settings) as client:
        client.headers["authorization"] = f"Bearer {a_token(STAFF, Scope.ADMIN, now_s=int(time.time()))}"
        yield client


async def test_a_drama_goes_from_its_papers_to_its_audit(rig: Rig, api: httpx.AsyncClient):
    papers = {name: one for name, one in msgspec.to_builtins(a_dossier(DRAMA)).items() if name != "drama_id"}
    told = (await api.post(f"{ONE}/papers", json={"name": "cover.jpg", "size": 3})).json()
    assert (await api.put(told["address"], content=b"jpg")).status_code == 204
    put = await api.put(f"{ONE}/dossier", json=papers | {"cover": told["key"]})
    assert (put.status_code, len(put.json()["missing"])) == (200, 1)
    assert (await api.post(f"{ONE}/publish")).json()["missing"] == put.json()["missing"]
    ticked = await api.post(f"{ONE}/tick", json={"record_number": papers["record_number"]})
    assert (ticked.json()["ticked_by"], ticked.json()["missing"]) == (str(STAFF), [])
    begun = [(await api.post(f"{ONE}/publish")).json() for _ in range(2)]
    assert ([one["new"] for one in begun], len({one["job_id"] for one in begun})) == ([True, False], 1)
    assert (await api.get("/v1/admin/media/dramas")).json()["dramas"][0]["drama_id"] == DRAMA
    job = (await api.get(f"/v1/admin/media/jobs/{begun[0]['job_id']}")).json()
    assert (job["kind"], job["state"], job["title"]) == ("drama", "active", papers["title"])


async def test_a_poster_that_staff_choose_is_what_everybody_is_shown(rig: Rig, api: httpx.AsyncClient):
    _made(rig)
    follower: Any = api._transport.app.state.catalogue  # type: ignore[attr-defined]
    await follower.refresh()
    before = await api.get(NOW, headers={"accept": "image/webp"})
    assert (before.content, before.headers["cache-control"]) == (PICTURES[0], "public, max-age=1")
    chosen = (await api.put(f"{ONE}/episodes/1/poster", json={"number": 1})).json()
    assert (chosen["chosen"], chosen["by_people"]) == (1, True)
    await follower.refresh()  # what each process does every 0.4 s
    kept = {"accept": "image/webp", "if-none-match": before.headers["etag"]}
    after = await api.get(NOW, headers=kept)
    assert (after.status_code, after.content) == (200, PICTURES[1])
    (address,) = [
        one["address"] for one in chosen["candidates"][1]["pictures"] if (one["width"], one["kind"]) == (480, "webp")
    ]
    assert (await api.get(address)).content == PICTURES[1]


def _made(rig: Rig) -> None:
    """A job has made the episode, with two candidates."""
    clock = Clock()
    desk = Desk(JobQueue(rig.engine, clock), clock, ElsewhereRows(rig.engine))
    desk.queue.submit(a_file(DRAMA, 1))
    desk.done(OURS[0], content_hash=HASH)
    desk.done(OURS[1], posters=[[0, 1_000, 9.0, []], [1, 2_000, 4.0, []]])
    desk.done(*OURS[2:])
    for number, data in enumerate(PICTURES):
        key = names.poster(DRAMA, 1, names.hash12(HASH), number, width=480, kind="webp")
        place = Path(rig.settings.media_root) / key
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    publish_media(rig.engine, DRAMA, 1, names.master(DRAMA, 1, names.hash12(HASH)), 60_000)
    rig.publishes()
