"""What goes wrong between the WeChat stand-in and its callers: lost answers, errors, lost and repeated events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.standins.wechat_calls import CALLS, Answer, No
from tests.standins.wechat_state import Account

WRITES = frozenset(("pullupload", "deletemedia", "auditdrama", "submitreplacedramamedias", "replacedramamedia"))
ERROR: Answer = {"errcode": -1, "errmsg": "system error rid: 6603d4b6"}
Tell = Callable[[Answer], None]


class Cut(Exception):
    """The connection ends here; `done`: after the call was carried out."""

    def __init__(self, *, done: bool) -> None:
        super().__init__(done)
        self.done = done


def answered(account: Account, name: str, work: Callable[[Tell], Answer], push: Tell | None = None) -> Answer:
    """The answer of a call that `work` carries out, unless something goes wrong.  Raises Cut.

    Events are sent before it is answered.
    """
    with account.lock:
        account.calls[name] += 1
        if _once(account.traits.cut, name) or account.happens(account.traits.not_done):
            raise Cut(done=False)
        broken = account.happens(account.traits.system_error)
        if broken and not (name in WRITES and account.happens(0.5)):
            return ERROR
        events: list[Answer] = []
        answer = work(events.append)
        for event in events:
            _told(account, event, push)
        if _once(account.traits.lose, name) or account.happens(account.traits.no_answer):
            raise Cut(done=True)
        return ERROR if broken else answer


def called(account: Account, name: str, body: Answer, push: Tell | None = None) -> Answer:
    """A call of wxa/sec/vod by somebody who has a token.  Raises Cut."""

    def work(tell: Tell) -> Answer:
        try:
            return {"errcode": 0, "errmsg": "ok", **CALLS[name](account, body, tell)}
        except No as no:
            return {"errcode": no.code, "errmsg": no.message}

    return answered(account, name, work, push)


def _once(names: list[str], name: str) -> bool:
    if name not in names:
        return False
    names.remove(name)
    return True


def _told(account: Account, event: Answer, push: Tell | None) -> None:
    if account.happens(account.traits.event_lost):
        return
    sent = _other_case(event) if account.traits.wrong_case else event
    for _ in range(1 + int(account.happens(account.traits.event_twice))):
        account.events.append(sent)
        if push:
            push(sent)


def _other_case(value: Any) -> Any:
    if isinstance(value, dict):
        return {_camel(key): _other_case(one) for key, one in value.items()}
    return value


def _camel(key: str) -> str:
    return key if key in ("MsgType", "Event") else "".join(word.capitalize() for word in key.split("_"))
