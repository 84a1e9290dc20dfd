"""Addresses that a CDN lets through: Tencent's signing types A to D.  Whoever has the key can make them, nobody else.

A CDN judges `at_s` + the life set on its console, so `at_s` is when an address was made, not when it ends.  It takes
two keys, a main one and a backup: set the new key as backup, sign with it, and only then make it the main one.
Source: tencentcloud.com/document/product/228/35222 to 35225 and 1552/109330; their examples are our tests' vectors.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from enum import StrEnum
from hashlib import md5

PATH = re.compile(r"(/[A-Za-z0-9._=+@-]+)+")  # nothing that a CDN would unescape before it checks
KEY = re.compile(r"[A-Za-z0-9]{6,40}")
SHANGHAI = timezone(timedelta(hours=8))
MINUTE = "%Y%m%d%H%M"
NOBODY = "0"  # uid of type A, which no CDN uses yet


class Signing(StrEnum):
    """How the CDN's console is set.  C is told twice by Tencent: CDN signs key+time+path, EdgeOne key+path+hex time."""

    A = "A"
    B = "B"
    C = "C"
    C_EDGEONE = "C-edgeone"
    D = "D"


def signed(signing: Signing, key: str, path: str, at_s: int, nonce: str = "0") -> str:
    """The path ("/a/b.ts") with its signature of `at_s` (Unix s); type B has whole minutes only.

    `nonce` is type A's random word, 0..100 letters and digits.
    Raises ValueError for a key that no CDN has, and a path that has a query or other characters than ours.
    """
    if not KEY.fullmatch(key):
        raise ValueError("a CDN's key has 6..40 letters and digits")
    if not PATH.fullmatch(path):
        raise ValueError("only plain paths are signed")
    return _MAKERS[signing](key, path, at_s, nonce)


def genuine(signing: Signing, keys: Sequence[str], address: str, now_s: int, life_s: int) -> str | None:
    """What a CDN does with an address: the path behind it; None where no key signed it, or its time is over."""
    found = _FORMS[signing].fullmatch(address)
    if found is None or now_s > (at_s := _time(signing, found["at"])) + life_s:
        return None
    path, nonce = found["path"], found.groupdict().get("nonce", NOBODY)
    good = (signed(signing, key, path, at_s, nonce) for key in keys)
    return path if any(hmac.compare_digest(one.encode(), address.encode()) for one in good) else None


def _time(signing: Signing, at: str) -> int:
    """Unix seconds; 0, which is over, for a minute that no calendar has."""
    if signing is not Signing.B:
        return int(at, 16 if signing is Signing.C_EDGEONE else 10)
    try:
        return int(datetime.strptime(at, MINUTE).replace(tzinfo=SHANGHAI).timestamp())
    except ValueError:
        return 0


def _md5(*parts: str) -> str:
    return md5("".join(parts).encode(), usedforsecurity=False).hexdigest()  # the CDN's choice, not ours


def _a(key: str, path: str, at_s: int, nonce: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]{0,100}", nonce):
        raise ValueError("a nonce has 0..100 letters and digits")
    return f"{path}?sign={at_s}-{nonce}-{NOBODY}-" + _md5(f"{path}-{at_s}-{nonce}-{NOBODY}-{key}")


def _b(key: str, path: str, at_s: int, _nonce: str) -> str:
    minute = datetime.fromtimestamp(at_s, SHANGHAI).strftime(MINUTE)
    return f"/{minute}/{_md5(key, minute, path)}{path}"


def _c(key: str, path: str, at_s: int, _nonce: str) -> str:
    return f"/{_md5(key, str(at_s), path)}/{at_s}{path}"


def _c_edgeone(key: str, path: str, at_s: int, _nonce: str) -> str:
    return f"/{_md5(key, path, f'{at_s:x}')}/{at_s:x}{path}"


def _d(key: str, path: str, at_s: int, _nonce: str) -> str:
    return f"{path}?sign={_md5(key, path, str(at_s))}&t={at_s}"


_MAKERS: dict[Signing, Callable[[str, str, int, str], str]] = {
    Signing.A: _a, Signing.B: _b, Signing.C: _c, Signing.C_EDGEONE: _c_edgeone, Signing.D: _d,
}  # fmt: skip
_P = rf"(?P<path>{PATH.pattern})"
_FORMS: dict[Signing, re.Pattern[str]] = {
    Signing.A: re.compile(_P + r"\?sign=(?P<at>[0-9]{1,10})-(?P<nonce>[A-Za-z0-9]{0,100})-0-[0-9a-f]{32}"),
    Signing.B: re.compile(r"/(?P<at>[0-9]{12})/[0-9a-f]{32}" + _P),
    Signing.C: re.compile(r"/[0-9a-f]{32}/(?P<at>[0-9]{1,10})" + _P),
    Signing.C_EDGEONE: re.compile(r"/[0-9a-f]{32}/(?P<at>[0-9a-f]{1,8})" + _P),
    Signing.D: re.compile(_P + r"\?sign=[0-9a-f]{32}&t=(?P<at>[0-9]{1,10})"),
}
