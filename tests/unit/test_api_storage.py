"""GET and PUT /v1/media/storage on twins: what an address was signed for, and nothing else, whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from domain.media import storage_address
from domain.media.storage_address import Permission
from infra.media.folder import PARTIAL
from ingest_api.errors import ClientGone
from ingest_api.storage.service import AT_ONCE, BLOCK, SLOWEST, Storage
from tests.api import SETTINGS, Twins, caller, code
from tests.builders import NOW_S, TICKET_SECRET

KEY = TICKET_SECRET.encode()
NAME = "incoming/7/3/episode.mp4"
BODY = bytes(range(256)) * 10_000  # more than two blocks


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    return Twins().app(SETTINGS.model_copy(update={"media_root": str(tmp_path)}))


def address(method: Any = "put", key: str = NAME, size: int = len(BODY), expires_s: int = NOW_S + 60) -> str:
    return storage_address.address(KEY, "", Permission(method, key, expires_s, size))


async def put(app: FastAPI, to: str, body: Any = BODY) -> httpx.Response:
    async with caller(app) as client:
        return await client.put(to, content=body)


async def get(app: FastAPI, at: str, **headers: str) -> httpx.Response:
    async with caller(app) as client:
        return await client.get(at, headers=headers)


def left(root: Path) -> list[str]:
    """Files that are there, half ones too."""
    return [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]


async def test_what_comes_in_is_there_and_goes_out(app: FastAPI, tmp_path: Path):
    assert (await put(app, address())).status_code == 204
    assert (tmp_path / NAME).read_bytes() == BODY
    assert left(tmp_path) == [NAME]
    answer = await get(app, address("get", size=0))
    assert (answer.status_code, answer.content, answer.headers["content-type"]) == (200, BODY, "video/mp4")
    part = await get(app, address("get", size=0), range="bytes=10-19")
    assert (part.status_code, part.content) == (206, BODY[10:20])


@pytest.mark.parametrize("body", [b"", BODY[:-1], BODY + b"x", BODY * 2], ids=["none", "short", "one more", "twice"])
async def test_another_size_than_was_signed_leaves_nothing(app: FastAPI, tmp_path: Path, body: bytes):
    answer = await put(app, address(), body)
    assert (answer.status_code, code(answer)) == (400, "wrong_size")
    assert left(tmp_path) == []


async def test_a_body_that_breaks_off_leaves_nothing_and_what_was_there(app: FastAPI, tmp_path: Path):
    async def broken() -> AsyncIterator[bytes]:
        yield BODY[: BLOCK + 1]
        raise ClientGone

    await put(app, address(), BODY)
    permission = Permission("put", NAME, NOW_S + 60, len(BODY))
    with pytest.raises(ClientGone):
        await app.state.storage.put(permission, storage_address.sign(KEY, permission), broken())
    assert left(tmp_path) == [NAME]
    assert (tmp_path / NAME).read_bytes() == BODY


@pytest.mark.parametrize(
    "change",
    [
        ("method=put", "method=get"), ("episode", "another"), (f"size={len(BODY)}", f"size={len(BODY) + 1}"),
        ("expires=1", "expires=2"), ("signature=", "signature=A"),
    ],
)  # fmt: skip
async def test_an_address_that_was_changed_is_none(app: FastAPI, tmp_path: Path, change: tuple[str, str]):
    changed = address().replace(*change)
    answers = [await put(app, changed), await get(app, changed)]
    assert {answer.status_code for answer in answers} <= {403, 422}
    assert left(tmp_path) == []


async def test_an_address_for_fetching_takes_nothing_and_the_other_gives_nothing(app: FastAPI):
    assert (await put(app, address("get"))).status_code == 422
    assert (await get(app, address("put"))).status_code == 422


async def test_an_address_ends(app: FastAPI):
    assert code(await put(app, address(expires_s=NOW_S))) == "bad_address"
    assert code(await get(app, address("get", size=0, expires_s=NOW_S))) == "bad_address"


@pytest.mark.parametrize("key", ["../x", "incoming/../../x", ".partial/x", "incoming//x", "/etc/passwd"])
async def test_no_key_leads_out_even_if_somebody_signed_it(app: FastAPI, tmp_path: Path, key: str):
    assert (await get(app, address("get", key=key, size=0))).status_code in (403, 404)


async def test_a_few_come_in_at_once(app: FastAPI, tmp_path: Path):
    storage: Storage = app.state.storage
    storage._coming.update(f"incoming/7/{no}/a.mp4" for no in range(AT_ONCE))
    answer = await put(app, address())
    assert (answer.status_code, code(answer)) == (503, "storage_busy")
    storage._coming.clear()
    assert (await put(app, address())).status_code == 204
    assert not storage._coming


async def test_a_platform_pulls_for_longer_than_a_viewer_waits(app: FastAPI, monkeypatch: pytest.MonkeyPatch):
    assert (await put(app, address())).status_code == 204
    monkeypatch.setattr("ingest_api.play.video.SEND_S", -1.0)
    assert (await get(app, address("get", size=0))).content == BODY


async def test_one_address_takes_one_place(app: FastAPI):
    storage: Storage = app.state.storage
    storage._coming.add(NAME)
    assert code(await put(app, address())) == "storage_busy"
    assert (await put(app, address(key="incoming/7/3/another.mp4"))).status_code == 204


async def test_what_takes_too_long_leaves_nothing(app: FastAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ingest_api.storage.service.LEAST_S", 0.3 - len(BODY) / SLOWEST)

    async def endless() -> AsyncIterator[bytes]:
        yield BODY[:10]
        await asyncio.Event().wait()

    assert code(await put(app, address(), endless())) == "body_timeout"
    assert left(tmp_path) == []


async def test_without_a_folder_no_address_is_good():
    app = Twins().app()
    assert code(await put(app, address())) == "no_video"
    assert code(await get(app, address("get", size=0))) == "no_video"


async def test_a_disk_that_does_not_take_it_says_later(app: FastAPI, tmp_path: Path):
    (tmp_path / PARTIAL).write_text("a file where a folder should be")
    assert (await put(app, address())).status_code == 503
    assert not app.state.storage._coming
