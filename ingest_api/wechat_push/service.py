"""Whether it is WeChat, and which step the event wakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from domain.media.wechat_event import event_of
from infra import logs
from infra.fold_store import Wait
from infra.media.transaction import NotMigrated
from infra.media.wechat_hints import Hints
from infra.media.wechat_push import Forged, NoEvent, Push
from ingest_api.errors import NotFound, Unavailable, Unprocessable
from ingest_api.threads import Threads

log = logs.get(__name__)


class PushBusy(Unavailable):
    """The event cannot be taken now; WeChat sends it again, and the worker asks anyway."""

    code = "push_busy"


class WechatPush:
    """One a process; without a push that is set up there is no such address."""

    def __init__(self, push: Push | None, hints: Hints, *, threads: Threads, now_s: Callable[[], float]) -> None:
        self._push, self._hints, self._threads, self._now_s = push, hints, threads, now_s

    def echoed(self, query: Mapping[str, str]) -> str:
        """The answer to WeChat's question whether the address is ours.  Raises NotFound."""
        if self._push is None:
            raise NotFound
        try:
            return self._push.echoed(query)
        except Forged as error:
            raise NotFound from error

    async def take(self, body: bytes, query: Mapping[str, str]) -> None:
        """Raises NotFound (not WeChat's), Unprocessable, PushBusy."""
        if self._push is None:
            raise NotFound
        try:
            event = event_of(self._push.opened(body, query, self._now_s()))
        except Forged as error:
            log.warning("a push that is not WeChat's", why=str(error))
            raise NotFound from error
        except NoEvent as error:
            raise Unprocessable(str(error)) from error
        if event is None:
            return
        try:
            await self._threads.run(partial(self._hints.take, event))
        except (Wait, NotMigrated) as error:
            raise PushBusy from error
