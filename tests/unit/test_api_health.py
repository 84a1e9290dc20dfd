"""Alive, ready, counted: what is answered to those who run the API; and the routes that do not exist."""

from __future__ import annotations

import math
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisGone

from infra.metrics import EVENTS_ACCEPTED, EVENTS_REJECTED
from ingest_api.auth import CurrentViewer, WeakSecret
from ingest_api.health.readiness import KEEP_S, Readiness
from tests.api import SETTINGS, Twins, caller, code, post
from tests.builders import UNKNOWN_DRAMA, USER, a_body, a_token, an_event


class OneRedis:
    """Answers PING, or not."""

    def __init__(self) -> None:
        self.up = True
        self.asked = 0

    async def ping(self) -> bool:
        self.asked += 1
        if not self.up:
            raise RedisGone("Connection refused")
        return True


@pytest.fixture
def twins() -> Twins:
    return Twins(redis=OneRedis())


async def get(twins: Twins, path: str, **headers: str) -> Any:
    async with caller(twins.app()) as client:
        return await client.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})


async def test_a_process_that_answers_is_alive(twins: Twins) -> None:
    twins.log.up = twins.redis.up = False
    answer = await get(twins, "/livez")
    assert (answer.status_code, answer.json()) == (200, {"alive": True})


async def test_with_all_it_needs_it_is_ready(twins: Twins) -> None:
    answer = await get(twins, "/readyz")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "checks": {"kafka": "ok", "redis": "ok", "catalogue": "ok"}}


@pytest.mark.parametrize("missing", ["kafka", "redis", "catalogue"])
async def test_without_one_of_them_it_is_not_and_says_which(twins: Twins, missing: str) -> None:
    twins.log.up = missing != "kafka"
    twins.redis.up = missing != "redis"
    twins.catalogue.age_s = math.inf if missing == "catalogue" else 0.1
    answer = await get(twins, "/readyz")
    assert answer.status_code == 503
    assert [name for name, said in answer.json()["checks"].items() if said != "ok"] == [missing]


async def test_a_catalogue_that_stands_still_is_better_than_none(twins: Twins) -> None:
    twins.catalogue.age_s = 3_600.0
    assert (await get(twins, "/readyz")).status_code == 200


async def test_who_asks_often_is_not_passed_on(twins: Twins) -> None:
    now_s = [0.0]
    readiness = Readiness(twins, lambda: now_s[0])
    for _ in range(5):
        await readiness.report()
    assert twins.redis.asked == 1
    now_s[0] += KEEP_S
    twins.redis.up = False
    assert "Connection refused" in (await readiness.report())["redis"]


async def test_what_was_accepted_and_rejected_is_counted(twins: Twins) -> None:
    accepted = EVENTS_ACCEPTED.labels("liked")._value.get()
    rejected = EVENTS_REJECTED.labels("unknown_drama")._value.get()
    await post(twins.app(), a_body(an_event(seq=1), an_event(seq=2), an_event(seq=3, drama_id=UNKNOWN_DRAMA)))
    assert EVENTS_ACCEPTED.labels("liked")._value.get() == accepted + 2
    assert EVENTS_REJECTED.labels("unknown_drama")._value.get() == rejected + 1
    text = (await get(twins, "/metrics")).text
    assert 'juliu_api_requests_total{route="/v1/events",status="202"}' in text
    assert str(USER) not in [
        line.split('"')[1] for line in text.splitlines() if line.startswith("juliu_") and '"' in line
    ]


async def test_nothing_is_counted_that_the_log_did_not_take(twins: Twins) -> None:
    before = EVENTS_ACCEPTED.labels("liked")._value.get()
    twins.log.up = False
    assert (await post(twins.app(), a_body())).status_code == 503
    assert EVENTS_ACCEPTED.labels("liked")._value.get() == before


async def test_addresses_that_do_not_exist_make_no_metrics(twins: Twins) -> None:
    for path in ("/nowhere/1", "/nowhere/2"):
        assert code(await get(twins, path)) == "not_found"
    assert "nowhere" not in (await get(twins, "/metrics")).text


async def test_metrics_are_not_for_those_behind_a_proxy(twins: Twins) -> None:
    assert (await get(twins, "/metrics", x_forwarded_for="192.0.2.1")).status_code == 404


def test_without_a_secret_there_is_no_api(twins: Twins) -> None:
    with pytest.raises(WeakSecret):
        twins.app(SETTINGS.model_copy(update={"jwt_secret": type(SETTINGS.jwt_secret)("")}))


async def test_a_route_of_fastapi_knows_its_viewer_and_answers_in_our_form(twins: Twins) -> None:
    app = twins.app()

    @app.get("/v1/whoami")
    async def whoami(viewer: CurrentViewer, size: int = 1) -> int:
        return viewer.user_id * size

    async with caller(app) as client:
        known = await client.get("/v1/whoami", headers={"authorization": f"Bearer {a_token()}"})
        unknown = await client.get("/v1/whoami")
        wrong = await client.get("/v1/whoami?size=x", headers={"authorization": f"Bearer {a_token()}"})
    assert known.json() == USER
    assert (unknown.status_code, code(unknown)) == (401, "token_missing")
    assert (wrong.status_code, code(wrong)) == (422, "invalid")
    assert all("x-request-id" in answer.headers for answer in (known, unknown, wrong))
