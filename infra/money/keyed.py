"""Idempotency keys: the answer that was given to a key, kept for a week.  Only successes are kept."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from domain.wallet import Balance

KEPT_MS = 7 * 86_400_000
PRUNED_EVERY, PRUNED_AT_ONCE = 16, 200  # after every 16th that this process keeps: more than come

_KEEP = sa.text(
    "INSERT INTO idempotency_keys (user_id, idempotency_key, body_hash, answer, at_ms)"
    " VALUES (:user_id, :key, :body_hash, :answer, :at_ms)"
)
_PRUNE = sa.text("DELETE FROM idempotency_keys WHERE at_ms < :before_ms ORDER BY at_ms LIMIT :most")


class Key(NamedTuple):
    """What a viewer named the purchase, bound to what is bought (SHA-256 of route and body)."""

    user_id: int
    key: str
    body_hash: bytes


class Entitlement(NamedTuple):
    """What opens episode `episode_no` (0: all of the drama) until `until_ms` (0: for ever)."""

    drama_id: int
    episode_no: int
    until_ms: int


class Unlock(NamedTuple):
    """What an unlock came to.  `coins`: what it cost, also where that was `repeated`."""

    balance: Balance
    entitlement: Entitlement
    coins: int
    repeated: bool


class KeyReused(Exception):
    """This key has unlocked something else."""


class _Answer(msgspec.Struct, array_like=True):
    balance: tuple[int, int, int]
    entitlement: tuple[int, int, int]
    coins: int


_decode = msgspec.json.Decoder(_Answer).decode


def read(key: Key, body_hash: bytes | None, answer: str | None) -> Unlock | None:
    """The answer that this key's row has; None where there is no row.  Raises KeyReused."""
    if body_hash is None or answer is None:
        return None
    if bytes(body_hash) != key.body_hash:
        raise KeyReused
    kept = _decode(answer)
    return Unlock(Balance(*kept.balance), Entitlement(*kept.entitlement), kept.coins, repeated=True)


def keep(connection: Connection, key: Key, answer: Unlock, now_ms: int) -> None:
    """Remember the answer.  The account is locked, so nobody else uses this key now."""
    text = msgspec.json.encode(_Answer(answer.balance, answer.entitlement, answer.coins)).decode()
    connection.execute(_KEEP, {**key._asdict(), "answer": text, "at_ms": now_ms})


def prune(connection: Connection, before_ms: int) -> None:
    """Forget some of the keys that are older."""
    connection.execute(_PRUNE, {"before_ms": before_ms, "most": PRUNED_AT_ONCE})
