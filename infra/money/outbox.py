"""The outbox: what a transaction decided, for the log.  The relay sends it, in order per viewer (streams.relay)."""

from __future__ import annotations

import uuid
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from domain.events import RULE_VERSION, SERVER_SESSION, Refunded, Unlocked, encode
from infra.money.tables import SHARDS

_PUT = sa.text(
    "INSERT INTO outbox (user_id, seq, shard, value, created_ms) VALUES (:user_id, :seq, :shard, :value, :now_ms)"
)


class Bought(NamedTuple):
    """What was unlocked, or taken back, for how many coins of each pot; episode_no 0 is the whole drama."""

    drama_id: int
    drama_index: int
    episode_no: int
    paid_coins: int
    bonus_coins: int
    price_version: str
    kind: type[Unlocked | Refunded] = Unlocked


def put(connection: Connection, user_id: int, seq: int, what: Bought, now_ms: int) -> None:
    """Write the event, as it goes into juliu.events."""
    said = what._asdict()
    event = said.pop("kind")(
        event_id=str(uuid.uuid4()), seq=seq, at_ms=now_ms, ts_ms=now_ms, received_at_ms=now_ms, user_id=user_id,
        session_id=SERVER_SESSION, rule=RULE_VERSION, **said,
    )  # fmt: skip
    row = {"user_id": user_id, "seq": seq, "shard": user_id % SHARDS, "value": encode(event), "now_ms": now_ms}
    connection.execute(_PUT, row)
