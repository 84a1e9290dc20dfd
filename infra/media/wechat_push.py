"""WeChat's message push: is it WeChat who speaks, and what does it say (secure mode only).

Source: mg/guide/base-ability/message-push, doc/oplatform Technical_Plan: SHA-1 over the sorted parts for the signature,
AES-256-CBC with the key's first half as IV, PKCS7 to 32 bytes; 16 random bytes, length, message, appid inside.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7

from domain.media.wechat_event import NoEvent, fields_of
from infra.settings import Settings

FRESH_S = 600  # WeChat sends three times within some 15 s; clocks differ
RANDOM, LENGTH = 16, 4
KEY_CHARACTERS = 43


class Forged(Exception):
    """It is not WeChat, or not for us, or an old message once more."""


def signature(*parts: str) -> str:
    """As WeChat makes it."""
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


class Push:
    """One a process."""

    def __init__(self, appid: str, token: str, aes_keys: tuple[bytes, ...]) -> None:
        self._appid, self._token, self._keys = appid, token, aes_keys

    def echoed(self, query: Mapping[str, str]) -> str:
        """What is answered when the address is set in the console.  Raises Forged."""
        self._signed(query.get("signature", ""), query)
        return query.get("echostr", "")[:128]

    def opened(self, body: bytes, query: Mapping[str, str], now_s: float) -> bytes:
        """The message.  Raises Forged, NoEvent."""
        if not abs(now_s - _seconds(query.get("timestamp", ""))) <= FRESH_S:
            raise Forged("not fresh")
        sealed = str(fields_of(body).get("encrypt", ""))
        self._signed(query.get("msg_signature", ""), query, sealed)
        for key in self._keys:
            if (text := _decrypted(key, sealed, self._appid)) is not None:
                return text
        raise Forged("no key of ours opens it")

    def _signed(self, given: str, query: Mapping[str, str], *more: str) -> None:
        made = signature(self._token, query.get("timestamp", ""), query.get("nonce", ""), *more)
        if not hmac.compare_digest(made.encode(), given.encode("utf-8", "replace")):
            raise Forged("signature")


def push_of(settings: Settings) -> Push | None:
    """None where the push is not set up.  Raises ValueError for a key that is none."""
    token = settings.wechat_push_token.get_secret_value()
    given = (settings.wechat_push_key.get_secret_value(), settings.wechat_push_key_previous.get_secret_value())
    if not token or not given[0]:
        return None
    return Push(settings.wechat_appid, token, tuple(_key(one) for one in given if one))


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text + "=", validate=True)
    except binascii.Error as error:
        raise ValueError("JULIU_WECHAT_PUSH_KEY is no EncodingAESKey") from error
    if len(text) != KEY_CHARACTERS or len(key) != 32:
        raise ValueError(f"JULIU_WECHAT_PUSH_KEY has to have {KEY_CHARACTERS} characters")
    return key


def _decrypted(key: bytes, sealed: str, appid: str) -> bytes | None:
    """None where it is not for this key and app."""
    try:
        raw = base64.b64decode(sealed, validate=True)
        decryptor = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
        unpadder = PKCS7(256).unpadder()
        text = unpadder.update(decryptor.update(raw) + decryptor.finalize()) + unpadder.finalize()
    except ValueError:
        return None
    length = int.from_bytes(text[RANDOM : RANDOM + LENGTH], "big")
    message, its = text[RANDOM + LENGTH :][:length], text[RANDOM + LENGTH :][length:]
    return message if len(message) == length and hmac.compare_digest(its, appid.encode()) else None


def _seconds(text: str) -> float:
    return float(text) if text.isascii() and text.isdigit() and len(text) <= 12 else 0.0


__all__ = ["Forged", "NoEvent", "Push", "push_of", "signature"]
