"""The keys that renditions are encrypted with: made once a rung, sealed in MySQL under JULIU_MEDIA_KEY_SECRET.

A key is bound to its row: what is copied into another row does not open.  After a change of the secret the one before
(JULIU_MEDIA_KEY_SECRET_PREVIOUS) still opens what it sealed, and has to stay: nothing is sealed anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.engine import Engine

from domain.media import names
from infra.media.transaction import transact
from infra.settings import Settings

KEY_BYTES, NONCE_BYTES = 16, 12
MOST_RUNGS = 8
MIN_SECRET_BYTES = 32

_INSERT = sa.text(
    "INSERT IGNORE INTO media_keys (drama_id, episode_no, hash12, rung, sealed, made_ms)"
    " VALUES (:drama_id, :episode_no, :hash12, :rung, :sealed, :made_ms)"
)
_SELECT = sa.text(
    "SELECT rung, sealed FROM media_keys WHERE drama_id = :drama_id AND episode_no = :episode_no AND hash12 = :hash12"
)


class KeyDamaged(RuntimeError):
    """A sealed key does not open: JULIU_MEDIA_KEY_SECRET is another than it was sealed with, or the row was changed."""


class NoSecret(ValueError):
    """JULIU_MEDIA_KEY_SECRET is missing or weak; it must be at least 32 random bytes (`openssl rand -hex 32`)."""


class Rendition(NamedTuple):
    """What a set of keys belongs to."""

    drama_id: int
    episode_no: int
    hash12: str


class Sealer:
    """Seals a key so that it opens only here, and only for the row that it was sealed for."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """The first secret seals, all of them open.  Raises NoSecret."""
        if not secrets or any(len(one.encode()) < MIN_SECRET_BYTES or len(set(one)) < 8 for one in secrets):
            raise NoSecret(NoSecret.__doc__)
        self._ciphers = [AESGCM(_derived(secret)) for secret in secrets]

    @classmethod
    def of(cls, settings: Settings) -> Sealer:
        """By the settings.  Raises NoSecret."""
        before = settings.media_key_secret_previous.get_secret_value()
        return cls([settings.media_key_secret.get_secret_value(), *([before] if before else [])])

    def seal(self, key: bytes, row: bytes) -> bytes:
        """Nonce, ciphertext and tag: 44 bytes."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._ciphers[0].encrypt(nonce, key, row)

    def open(self, sealed: bytes, row: bytes) -> bytes:
        """The key.  Raises KeyDamaged."""
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], row)
            except (InvalidTag, ValueError):
                continue
        raise KeyDamaged(KeyDamaged.__doc__)


class KeyStore:
    """Blocks; call it in a thread.  Every call may raise Wait (infra.fold_store), and may be repeated then."""

    def __init__(self, engine: Engine, sealer: Sealer, now_ms: Callable[[], int]) -> None:
        self._engine = engine
        self._sealer = sealer
        self._now_ms = now_ms

    def keys_for(self, drama_id: int, episode_no: int, hash12: str, rungs: Sequence[str]) -> Mapping[str, bytes]:
        """Sixteen bytes a rung, made where there are none; the same whoever asks, and however often.

        Raises ValueError for names that are none and more than MOST_RUNGS, KeyDamaged.
        """
        if not 1 <= len(rungs) <= MOST_RUNGS:
            raise ValueError(f"1..{MOST_RUNGS} rungs, not {len(rungs)}")
        of = Rendition(drama_id, episode_no, hash12)
        rows = {rung: _row(of, rung) for rung in rungs}
        there = self._there(of)
        if missing := rows.keys() - there.keys():
            self._make(of, {rung: rows[rung] for rung in missing})
            there = self._there(of)  # another may have been faster: its keys are the keys
        return {rung: self._sealer.open(there[rung], row) for rung, row in rows.items()}

    def key(self, drama_id: int, episode_no: int, hash12: str, rung: str) -> bytes | None:
        """A rung's key; None where none was made.  Raises KeyDamaged, ValueError."""
        of = Rendition(drama_id, episode_no, hash12)
        row = _row(of, rung)
        sealed = self._there(of).get(rung)
        return None if sealed is None else self._sealer.open(sealed, row)

    def _there(self, of: Rendition) -> dict[str, bytes]:
        found = transact(self._engine, lambda connection: connection.execute(_SELECT, of._asdict()).all())
        return {rung: bytes(sealed) for rung, sealed in found}

    def _make(self, of: Rendition, missing: Mapping[str, bytes]) -> None:
        made = {**of._asdict(), "made_ms": self._now_ms()}
        rows = [
            {**made, "rung": rung, "sealed": self._sealer.seal(os.urandom(KEY_BYTES), row)}
            for rung, row in sorted(missing.items())
        ]
        transact(self._engine, lambda connection: connection.execute(_INSERT, rows))


def _derived(secret: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"juliu media keys").derive(secret.encode())


def _row(of: Rendition, rung: str) -> bytes:
    """What a key is bound to.  Raises ValueError for what names no rung of a rendition."""
    return names.playlist(*of, rung).encode()
