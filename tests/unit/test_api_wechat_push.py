"""The address that WeChat pushes to: nobody else gets in, and what is said there only makes the worker ask."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from ingest_api.wechat_push.router import PATH
from tests.api import SETTINGS, Twins
from tests.builders import NOW_S
from tests.unit.test_wechat_push import APPID, KEYS, TOKEN, sealed, signature

SET_UP = SETTINGS.model_copy(
    update={
        "wechat_appid": APPID, "wechat_push_token": SecretStr(TOKEN), "wechat_push_key": SecretStr(KEYS[0]),
    }
)  # fmt: skip


def asked(settings: Any, method: str, *, content: bytes = b"", **query: str) -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=Twins().app(settings), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
            return await client.request(method, PATH, params=query, content=content)

    return asyncio.run(ask())


def signed(encrypt: str, **changes: str) -> dict[str, str]:
    made = {"timestamp": str(int(NOW_S)), "nonce": "77"}
    return made | {"msg_signature": signature(TOKEN, made["timestamp"], "77", encrypt)} | changes


def test_wechat_finds_out_that_the_address_is_ours():
    query = {"timestamp": "1714036504", "nonce": "1514711492", "echostr": "4375120948345356249"}
    right = "f464b24fc39322e44b38aa78f5edd27bd1441696"
    answer = asked(SET_UP, "GET", signature=right, **query)
    assert (answer.status_code, answer.text) == (200, "4375120948345356249")
    assert answer.headers["content-type"].startswith("text/plain")
    assert asked(SET_UP, "GET", signature=right[::-1], **query).status_code == 404
    assert asked(SETTINGS, "GET", signature=right, **query).status_code == 404


def test_an_event_of_another_kind_is_answered_and_forgotten():
    encrypt = sealed(json.dumps({"Event": "xpay_goods_deliver_notify"}).encode())
    answer = asked(SET_UP, "POST", content=json.dumps({"Encrypt": encrypt}).encode(), **signed(encrypt))
    assert (answer.status_code, answer.text) == (200, "success")


@pytest.mark.parametrize("changes", [{"msg_signature": "0" * 40}, {"nonce": "78"}, {"timestamp": "1"}])
def test_nobody_else_gets_in(changes):
    encrypt = sealed(b"{}")
    answer = asked(SET_UP, "POST", content=json.dumps({"Encrypt": encrypt}).encode(), **signed(encrypt, **changes))
    assert answer.status_code == 404


def test_what_is_no_message_is_refused():
    assert asked(SET_UP, "POST", content=b"<xml", **signed("")).status_code in (404, 422)
    assert asked(SET_UP, "POST", content=b"x" * 70_000, **signed("")).status_code == 413
