"""The CDN in front of Storage: what it is told of a new rendition, by Tencent's API, or nothing where there is no CDN.

What is behind a key seldom changes its bytes, so purges are few: a CDN takes 100 folders a day.
Source: tencentcloud.com/document/product/228/33602 (PurgePathCache), 228/33596 (PushUrlsCache), of version 2018-06-06.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import requests

from domain.media.tc3_signature import CONTENT_TYPE, authorization
from domain.media.trouble import Failure, StepFailed
from infra.settings import Settings
from media_jobs.context import Cdn

SERVICE, VERSION = "cdn", "2018-06-06"
AT_ONCE = 20  # folders or addresses of one request
CONNECT_S, ANSWER_S = 5.0, 20.0
QUOTA_S = 8_100.0  # a day's quota is used up: with MAX_ATTEMPTS the next day is seen
MAX_ANSWER = 100_000  # bytes


class NoCdn:
    """Keeps the promises of Cdn where the API serves the files itself."""

    def purge(self, prefixes: Sequence[str]) -> None:
        """Nothing is held anywhere."""

    def prefetch(self, keys: Sequence[str]) -> None:
        """Nobody fetches ahead."""


class TencentCdn:
    """Keeps the promises of Cdn.  `base` is what a key's address begins with: https://media.example.com."""

    def __init__(
        self, api: str, base: str, secret_id: str, secret_key: str, now_s: Callable[[], float] = time.time
    ) -> None:
        self._api, self._host, self._base = api, api.partition("://")[2], base.rstrip("/")
        self._secret_id, self._secret_key, self._now_s = secret_id, secret_key, now_s
        self._session = requests.Session()

    def purge(self, prefixes: Sequence[str]) -> None:
        """See Cdn.  Raises StepFailed."""
        for some in _pieces([f"{self._base}/{prefix}" for prefix in prefixes]):
            self._call("PurgePathCache", {"Paths": some, "FlushType": "flush"})

    def prefetch(self, keys: Sequence[str]) -> None:
        """See Cdn.  Raises StepFailed."""
        for some in _pieces([f"{self._base}/{key}" for key in keys]):
            self._call("PushUrlsCache", {"Urls": some})

    def _call(self, action: str, asked: dict[str, Any]) -> None:
        body, at_s = json.dumps(asked).encode(), int(self._now_s())
        signature = authorization(
            secret_id=self._secret_id, secret_key=self._secret_key, service=SERVICE, host=self._host, body=body,
            at_s=at_s,
        )  # fmt: skip
        headers = {
            "Authorization": signature, "Content-Type": CONTENT_TYPE, "Host": self._host, "X-TC-Action": action,
            "X-TC-Version": VERSION, "X-TC-Timestamp": str(at_s),
        }  # fmt: skip
        try:
            answer = self._session.post(
                f"{self._api}/", data=body, headers=headers, timeout=(CONNECT_S, ANSWER_S), allow_redirects=False
            )
        except requests.RequestException as error:
            raise StepFailed(Failure.AGAIN, "cdn_away", f"{action}: {type(error).__name__}") from error
        if trouble := _trouble(action, answer.status_code, answer.content[:MAX_ANSWER]):
            raise trouble


def cdn_of(settings: Settings) -> Cdn:
    """The CDN of the settings; none where none is set, or nothing may be told to it.  Raises ValueError."""
    if not (settings.media_cdn_url and settings.media_cdn_api):
        return NoCdn()
    secret_id, secret_key = settings.cos_secret_id.get_secret_value(), settings.cos_secret_key.get_secret_value()
    if not (secret_id and secret_key):
        raise ValueError("JULIU_MEDIA_CDN_API needs JULIU_COS_SECRET_ID and JULIU_COS_SECRET_KEY")
    return TencentCdn(settings.media_cdn_api, settings.media_cdn_url, secret_id, secret_key)


def _trouble(action: str, status: int, body: bytes) -> StepFailed | None:
    """What an answer says, as a step says it.  Everything is answered 200; an error has a code."""
    try:
        response = json.loads(body)["Response"]
        error = response.get("Error")
    except (ValueError, KeyError, TypeError, AttributeError):
        return StepFailed(Failure.AGAIN, "cdn_away", f"{action}: status {status}, and no answer of the API")
    if error is None and "TaskId" in response:
        return None
    code = str(error.get("Code", "")) if isinstance(error, dict) else "no task"
    text = f"{action}: {code} (request {response.get('RequestId', '')})"
    if code.startswith("LimitExceeded"):
        return StepFailed(Failure.AGAIN, "cdn_quota", f"{text}: the day's quota is used up", QUOTA_S)
    if code.startswith(("AuthFailure", "UnauthorizedOperation", "InvalidParameter", "ResourceNotFound")):
        return StepFailed(Failure.GIVE_UP, "cdn_refuses", f"{text}: look at the domain and the key's rights")
    return StepFailed(Failure.AGAIN, "cdn_away", text)


def _pieces(addresses: Sequence[str]) -> Iterator[list[str]]:
    for at in range(0, len(addresses), AT_ONCE):
        yield list(addresses[at : at + AT_ONCE])
