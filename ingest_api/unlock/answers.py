"""The answers of the unlock and wallet routes, as the OpenAPI document shows them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class _FromAttributes(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class WalletBalance(_FromAttributes):
    """A viewer's coins now."""

    paid: int
    bonus: int = Field(description="given, spent first")
    debt: int = Field(description="what a refund took back after it was spent; the next coins pay it")


class Opened(_FromAttributes):
    """What the viewer may watch."""

    drama_id: int
    episode_no: int = Field(description="0: the whole drama")
    until_ms: int = Field(description="Unix ms; 0: for ever")


class PlayNow(_FromAttributes):
    """How to play the episode that was asked for, as GET .../play tells it."""

    address: str
    address_expires_ms: int
    ticket: str = Field(description="goes into play_started")
    ticket_expires_ms: int


class UnlockAnswer(BaseModel):
    """The episode is open.  The same for who asks again; `play` only while it still is (a refund locks it)."""

    balance: WalletBalance
    entitlement: Opened
    coins: int = Field(description="what it cost: 0 for a free episode, and what was debited before for an open one")
    play: PlayNow | None = Field(description="null where it cannot be told just now: ask GET .../play, which says why")


class LedgerEntry(_FromAttributes):
    """A movement of one kind of coins."""

    entry_no: int
    at_ms: int = Field(description="Unix ms")
    kind: str = Field(description="credit, unlock, refund")
    pot: str = Field(description="paid, bonus, debt")
    amount: int = Field(description="coins; negative: spent")
    balance_after: int = Field(description="of this kind of coins")
    drama_id: int = Field(description="what they were spent on; 0: nothing")
    episode_no: int = Field(description="0: the whole drama, or nothing")


class WalletPage(BaseModel):
    """The balance and a page of the ledger, the latest first."""

    balance: WalletBalance
    entries: list[LedgerEntry]
    next_before: int | None = Field(description="send it as `before` for the next page; null at the end")
