"""Whether COS' own signature (q-sign-algorithm=sha1) of a request is right: written from the documentation alone.

cloud.tencent.com/document/product/436/7778.  Shares nothing with the SDK nor with domain.media.cos_signature.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote


class Request(NamedTuple):
    """As it came: the path unescaped, parameters unescaped, header names in lower case."""

    method: str
    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str]


class Wrong(Exception):
    """Why the request is refused: COS' error code, and words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


def check(request: Request, keys: Mapping[str, str], now_s: float) -> None:
    """Raises Wrong unless one of the keys (id -> key) has signed it for now."""
    said = _said(request)
    for name in ("q-ak", "q-sign-time", "q-key-time", "q-header-list", "q-url-param-list", "q-signature"):
        if name not in said:
            raise Wrong("AccessDenied", f"no {name}")
    if said.get("q-sign-algorithm") != "sha1":
        raise Wrong("InvalidArgument", "algorithm")
    if said["q-ak"] not in keys:
        raise Wrong("InvalidAccessKeyId", "The Access Key Id you provided does not exist in our records")
    begin, _, end = said["q-sign-time"].partition(";")
    if not int(begin) - 1 <= now_s <= int(end):
        raise Wrong("AccessDenied", "Request has expired")
    if not hmac.compare_digest(_signature(request, said, keys[said["q-ak"]]), said["q-signature"]):
        raise Wrong("SignatureDoesNotMatch", "The Signature you specified is invalid")


def _said(request: Request) -> Mapping[str, str]:
    header = request.headers.get("authorization", "")
    if header:
        return dict(pair.split("=", 1) for pair in header.split("&"))
    return {name: value for name, value in request.params.items() if name.startswith("q-")}


def _signature(request: Request, said: Mapping[str, str], key: str) -> str:
    headers = {**request.headers, "host": request.headers.get("host", "").partition(":")[0]}
    sign_key = hmac.new(key.encode(), said["q-key-time"].encode(), hashlib.sha1).hexdigest()
    text = "\n".join((
        request.method.lower(),
        request.path,
        _listed(said["q-url-param-list"], request.params),
        _listed(said["q-header-list"], headers),
        "",
    ))  # fmt: skip
    digest = hashlib.sha1(text.encode()).hexdigest()
    to_sign = f"sha1\n{said['q-sign-time']}\n{digest}\n"
    return hmac.new(sign_key.encode(), to_sign.encode(), hashlib.sha1).hexdigest()


def _listed(names: str, values: Mapping[str, str]) -> str:
    """Of a list such as `host;x-cos-acl` the values that came, in that order: a dropped one breaks it."""
    lower = {quote(name, safe="-_.~").lower(): value for name, value in values.items()}
    listed = [name for name in names.split(";") if name]
    if listed != sorted(listed):
        raise Wrong("InvalidArgument", "lists are in order")
    return "&".join(f"{name}={quote(lower.get(name, ''), safe='-_.~')}" for name in listed)
