"""What CI calls back is a hint where to look again, and nothing of it is believed."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from domain.media.steps import Step
from ingest_api.media_admin import hints
from ingest_api.media_admin.hints import Hint
from tests.api import SETTINGS, caller
from tests.builders import DRAMA
from tests.media_admin_rig import SECRET, Rig
from tests.media_desk import LIFE_MS


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(SETTINGS.model_copy(update={"media_root": str(tmp_path)}))


MARK = f"juliu:1:{DRAMA}:1:0123456789ab:ladder:720p:3.1"


async def ci_calls(rig: Rig, body: bytes, secret: str = SECRET) -> httpx.Response:
    async with caller(rig.app) as client:
        return await client.post(f"/v1/media/callbacks/ci/{secret}", content=body)


async def until_ladder_waits(rig: Rig) -> None:
    """The job is at CI's, asked about again in ten minutes."""
    await rig.submit()
    for step in (Step.PROBE, Step.CHECK):
        leased = rig.jobs.lease("w", LIFE_MS, [step])
        assert leased
        rig.jobs.finish(leased, {}, 0)
    leased = rig.jobs.lease("w", LIFE_MS, [Step.LADDER])
    assert leased
    rig.jobs.later(leased, 600)
    assert rig.jobs.lease("w", LIFE_MS, [Step.LADDER]) is None


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"JobsDetail": [{"Operation": {"UserData": MARK}}]}).encode(),
        f"<Response><JobsDetail><UserData>{MARK}</UserData></JobsDetail></Response>".encode(),
    ],
)
async def test_what_ci_tells_is_asked_for_at_once(rig: Rig, body: bytes):
    await until_ladder_waits(rig)
    for _ in range(2):  # it may come twice
        assert (await ci_calls(rig, body)).status_code == 204
    assert rig.jobs.lease("w", LIFE_MS, [Step.LADDER])


async def test_a_stranger_wakes_nobody(rig: Rig):
    await until_ladder_waits(rig)
    for secret in ("x", SECRET[:-1], SECRET + "x", "é" * 30):
        assert (await ci_calls(rig, MARK.encode(), secret)).status_code == 404
    assert rig.jobs.lease("w", LIFE_MS, [Step.LADDER]) is None


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\x00", b"juliu:999:1:1:0123456789ab:ladder:x:1", MARK[:20].encode()])
async def test_what_names_no_job_of_ours_does_nothing(rig: Rig, body: bytes):
    assert (await ci_calls(rig, body)).status_code == 204


async def test_a_callback_has_a_bound(rig: Rig):
    assert (await ci_calls(rig, b"x" * (hints.MAX_BYTES + 1))).status_code == 413


def test_hints_are_each_taken_once_and_not_without_end():
    marks = [f"juliu:{n}:7:1:0123456789ab:ladder:720p:1.1" for n in (1, 2, *range(1, 100))]
    found = hints.hints(" ".join(marks).encode())
    assert found[:2] == [Hint(1, Step.LADDER), Hint(2, Step.LADDER)]
    assert len(found) == len(set(found)) == hints.MOST
    assert hints.hints(MARK.replace("ladder", "unheard").encode()) == []


@pytest.mark.parametrize("url", ["", "https://api.example/v1/callbacks/", "https://api.example/short"])
def test_an_address_without_a_secret_has_no_callbacks(url: str):
    assert hints.secret_of(url) == ""
    assert not hints.genuine(hints.secret_of(url), "")
