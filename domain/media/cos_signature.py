"""Signatures of Tencent COS (q-sign-algorithm=sha1), for addresses that others follow: browsers that upload, WeChat.

media_jobs signs its own requests with Tencent's SDK, which the API does not carry.  No key leaves this process: an
address names the account's key id and proves the rest.
Source: cloud.tencent.com/document/product/436/7778; checked against cos-python-sdk-v5 in the tests.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha1
from urllib.parse import quote

SHORTEST_S, LONGEST_S = 60, 7 * 86_400
_SLACK_S = 60  # clocks differ: the SDK, too, signs from a minute ago
_SAFE = "-_.~"


@dataclass(frozen=True)
class Bucket:
    """A bucket and the permanent keys of the account: addresses signed with temporary ones die with them."""

    name: str  # with the account's number: media-1250000000
    region: str
    secret_id: str
    secret_key: str = field(repr=False)
    scheme: str = "https"

    @property
    def host(self) -> str:
        """Where its objects are."""
        return f"{self.name}.cos.{self.region}.myqcloud.com"


def get_address(bucket: Bucket, key: str, now_s: int, life_s: int) -> str:
    """An address at which anybody may GET the object for `life_s`.  Raises ValueError for a life of none or weeks."""
    return _address(bucket, "get", key, _window(now_s, life_s), {})


def put_address(bucket: Bucket, key: str, now_s: int, life_s: int, size: int) -> str:
    """An address to which anybody may PUT `size` bytes, no more and no fewer: the length is signed.

    Raises ValueError for a life of none or weeks, or a size below 1.
    """
    if size < 1:
        raise ValueError(f"no size: {size}")
    return _address(bucket, "put", key, _window(now_s, life_s), {"content-length": str(size)})


def signature(secret_key: str, method: str, path: str, headers: Mapping[str, str], window: str) -> str:
    """The signature, in hex, of a request without parameters.  `path` as it is read, not escaped; lower-case names."""
    told = "&".join(f"{quote(name, _SAFE)}={quote(value, _SAFE)}" for name, value in sorted(headers.items()))
    request = f"{method}\n{path}\n\n{told}\n"
    to_sign = f"sha1\n{window}\n{sha1(request.encode(), usedforsecurity=False).hexdigest()}\n"
    return _mac(_mac(secret_key, window), to_sign)


def _address(bucket: Bucket, method: str, key: str, window: str, headers: Mapping[str, str]) -> str:
    signed = {"host": bucket.host, **headers}
    words = {
        "q-sign-algorithm": "sha1",
        "q-ak": bucket.secret_id,
        "q-sign-time": window,
        "q-key-time": window,
        "q-header-list": ";".join(sorted(signed)),
        "q-url-param-list": "",
        "q-signature": signature(bucket.secret_key, method, f"/{key}", signed, window),
    }
    query = "&".join(f"{name}={quote(value, _SAFE)}" for name, value in words.items())
    return f"{bucket.scheme}://{bucket.host}/{quote(key, '/' + _SAFE)}?{query}"


def _window(now_s: int, life_s: int) -> str:
    if not SHORTEST_S <= life_s <= LONGEST_S:
        raise ValueError(f"an address lives {SHORTEST_S} s to {LONGEST_S} s, not {life_s}")
    return f"{now_s - _SLACK_S};{now_s + life_s}"


def _mac(key: str, text: str) -> str:
    return hmac.new(key.encode(), text.encode(), sha1).hexdigest()
