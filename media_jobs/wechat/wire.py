"""HTTP to WeChat: one call, one answer, and exactly which of "done", "not done" and "who knows" it was."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import redis
import requests
from pydantic import SecretStr
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError

from infra import metrics
from media_jobs.wechat.answers import TOKEN_CODES, UNCLEAR_CODES, NotSent, Refused, Unclear
from media_jobs.wechat.limits import Limits
from media_jobs.wechat.shapes import named
from media_jobs.wechat.tokens import Fetched, Tokens

CONNECT_S, ANSWER_S, UPLOAD_S, TOKEN_S = 5.0, 30.0, 120.0, 8.0
MAX_ANSWER = 8 << 20
VOD: Final = "/wxa/sec/vod/"


class Wire:
    """One a process and thread.  `base` is https://api.weixin.qq.com but for tests."""

    def __init__(self, base: str, appid: str, secret: SecretStr, store: redis.Redis, now_ms: Callable[[], int]) -> None:
        self._base, self._appid, self._secret = base.rstrip("/"), appid, secret
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy of the environment sees a token
        self._limits = Limits(store, appid, now_ms)
        self._tokens = Tokens(store, appid, self._stable_token, now_ms)

    def take(self, name: str) -> None:
        """Count what has a limit of its own (an urgent audit).  Raises TooFast, Wait."""
        self._limits.take(name)

    def call(self, name: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer of wxa/sec/vod/<name>.  Raises Refused, TooFast, NotSent, Unclear, Wait (Redis)."""
        return self._with_token(name, lambda token: self._post(name, f"{VOD}{name}", token, body, ANSWER_S))

    def material(self, path: Path, content_type: str) -> str:
        """WeChat's temporary id of a picture: it lives three days.  Raises as `call` does."""
        answer = self._with_token("material", lambda token: self._upload(token, path, content_type))
        return str(named(answer, "media_id"))

    def _with_token(self, name: str, ask: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
        """Ask, and once more with another token where the first was not taken (nothing was done then)."""
        self._limits.take(name)
        token = self._tokens.current()
        try:
            return ask(token)
        except Refused as error:
            if error.code not in TOKEN_CODES:
                raise
            return ask(self._tokens.renewed(token))

    def _post(self, name: str, path: str, token: str, body: Mapping[str, Any], answer_s: float) -> dict[str, Any]:
        data = json.dumps(body, ensure_ascii=False).encode()  # WeChat refuses escapes (10090019)
        headers = {"Content-Type": "application/json; charset=utf-8"}
        query = {"access_token": token} if token else {}
        return self._asked(name, path, answer_s, params=query, data=data, headers=headers)

    def _upload(self, token: str, path: Path, content_type: str) -> dict[str, Any]:
        with path.open("rb") as file:
            query = {"access_token": token, "type": "image"}
            files = {"media": (path.name, file, content_type)}
            return self._asked("material", "/cgi-bin/media/upload", UPLOAD_S, params=query, files=files)

    def _stable_token(self, forced: bool) -> Fetched:
        body = {
            "grant_type": "client_credential", "appid": self._appid, "secret": self._secret.get_secret_value(),
            "force_refresh": forced,
        }  # fmt: skip
        answer = self._post("stable_token", "/cgi-bin/stable_token", "", body, TOKEN_S)
        return Fetched(str(named(answer, "access_token")), int(named(answer, "expires_in")))

    def _asked(self, name: str, path: str, answer_s: float, **request: Any) -> dict[str, Any]:
        try:
            answer = self._answer(name, path, answer_s, **request)
        except (NotSent, Unclear, Refused) as error:
            metrics.PLATFORM_CALLS.labels(name, type(error).__name__.lower()).inc()
            raise
        metrics.PLATFORM_CALLS.labels(name, "done").inc()
        return answer

    def _answer(self, name: str, path: str, answer_s: float, **request: Any) -> dict[str, Any]:
        """The causes are cut off: their texts have the address, and with it the token."""
        try:
            got = self._session.post(
                self._base + path, timeout=(CONNECT_S, answer_s), stream=True, allow_redirects=False, **request
            )
            with got:
                text = got.raw.read(MAX_ANSWER + 1, decode_content=True)
        except requests.ConnectTimeout:
            raise NotSent(name) from None
        except requests.ConnectionError as error:
            raise (NotSent(name) if _never_sent(error) else Unclear(name)) from None
        except (requests.RequestException, HTTPError, OSError) as error:
            raise Unclear(f"{name}: {type(error).__name__}") from None
        return read_answer(name, got.status_code, text)


def _never_sent(error: requests.ConnectionError) -> bool:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(reason, NewConnectionError | ConnectTimeoutError)


def read_answer(name: str, status: int, text: bytes) -> dict[str, Any]:
    """What it says.  Some calls say no errcode where all is well; a gateway's page is no answer of WeChat's.

    Raises Refused, Unclear.
    """
    try:
        answer = json.loads(text) if len(text) <= MAX_ANSWER else None
    except (ValueError, RecursionError):
        answer = None
    code = answer.get("errcode", 0) if isinstance(answer, dict) else None
    if status != 200 or not isinstance(answer, dict) or not isinstance(code, int):
        raise Unclear(f"{name}: HTTP {status}, {len(text)} bytes")
    if code in UNCLEAR_CODES:
        raise Unclear(f"{name}: {code} {str(answer.get('errmsg', ''))[:100]}")
    if code:
        raise Refused(name, code, str(answer.get("errmsg", "")))
    return answer
