"""/v1/wechat/push: the address that is set as 消息推送 in the app's console (secure mode, JSON or XML)."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import PlainTextResponse

from domain.media.wechat_event import MAX_BYTES
from ingest_api import errors
from ingest_api.errors import NotFound, Unprocessable
from ingest_api.openapi import refusals
from ingest_api.small_body import received
from ingest_api.wechat_push.service import PushBusy, WechatPush

router = APIRouter(tags=["media"])
PATH = "/v1/wechat/push"


async def _push(request: Request) -> WechatPush:
    service: WechatPush = request.app.state.wechat_push
    return service


Service = Annotated[WechatPush, Depends(_push)]


@router.get(PATH, response_class=PlainTextResponse, responses=refusals((NotFound,)))
async def verify(request: Request, service: Service) -> str:
    """WeChat asks whether the address is ours when it is set in the console."""
    return service.echoed(dict(request.query_params))


@router.post(
    PATH, response_class=PlainTextResponse,
    responses=refusals((NotFound, errors.TooLarge, errors.BodyTimeout, Unprocessable, PushBusy)),
)  # fmt: skip
async def push(request: Request, service: Service) -> str:
    """An event: what it says is asked for, not believed.  Kinds that we do not know are answered the same."""
    await service.take(await received(request, MAX_BYTES), dict(request.query_params))
    return "success"
