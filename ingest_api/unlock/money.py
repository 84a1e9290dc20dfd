"""The ports to money.  Both block, so they are called in Threads; infra.money keeps their promises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from infra.money.unlocks import Entitlement, Unlock, Wanted
from infra.money.wallet import Balance, Entry


class Money(Protocol):
    """What is unlocked, and unlocking.  Every call may raise infra.money's MoneyUnavailable: nothing is known then."""

    def unlock(self, user_id: int, wanted: Wanted, key: str, body_hash: bytes) -> Unlock:
        """Debit and entitle, or neither.  Once per key and once per episode: what is repeated gets the same answer.

        A free episode costs nothing and stores nothing.  Raises, and changes nothing: UnknownEpisode, NotReleased (the
        episode is yet to come, or another one of a drama that is wanted whole), PriceChanged (another price version
        than `wanted` names), NotEnough, KeyReused (the key, a success's, with another hash).
        """

    def entitled(self, user_id: int, drama_id: int, episode_no: int) -> Entitlement | None:
        """What opens this episode to the viewer, other than that it is free."""

    def opened(self, user_id: int, drama_id: int) -> frozenset[int]:
        """The episodes that the viewer has unlocked; 0 among them is the whole drama."""


class Purse(Protocol):
    """A viewer's coins.  Every call may raise infra.money's MoneyUnavailable."""

    def balance(self, user_id: int) -> Balance:
        """What there is; all 0 for who never had any."""

    def page(self, user_id: int, before: int | None, count: int) -> Sequence[Entry]:
        """The latest `count` entries of the ledger, older than `before`, the newest first."""
