"""Why an unlock is refused, with what the viewer needs to see next: the price, their coins, the ways to unlock."""

from __future__ import annotations

from typing import Literal

import msgspec

from ingest_api.errors import ApiError, BadRequest, ErrorBody, ErrorDetail, Unprocessable

Way = Literal["episode", "drama"]


class Price(msgspec.Struct, frozen=True):
    """What was asked for costs `coins` under `price_version`."""

    coins: int
    price_version: str


class Coins(msgspec.Struct, frozen=True):
    """A viewer's coins.  `debt` is what a refund took back after it was spent."""

    paid: int
    bonus: int
    debt: int


class WayToUnlock(msgspec.Struct, frozen=True):
    """One way: this episode alone, or all that is left of the drama; send `way` and `price_version` back."""

    way: Way
    coins: int
    price_version: str


class PaymentBody(ErrorBody, frozen=True):
    """The body of a 402."""

    price: Price
    balance: Coins
    ways: list[WayToUnlock]


class PriceBody(ErrorBody, frozen=True):
    """The body of a changed price: show it, and ask again with the new version and a new key."""

    price: Price
    ways: list[WayToUnlock]


_PRICE, _COINS = Price(60, "v1-3-60-80"), Coins(10, 20, 0)
_WAYS = [WayToUnlock("episode", 60, "v1-3-60-80"), WayToUnlock("drama", 4_158, "v1-3-60-80")]


class PaymentRequired(ApiError):
    """The episode is locked: coins are needed."""

    status, code = 402, "payment_required"
    body_type = PaymentBody

    def __init__(self, price: Price = _PRICE, balance: Coins = _COINS, ways: list[WayToUnlock] | None = None) -> None:
        super().__init__()
        self.price, self.balance, self.ways = price, balance, _WAYS if ways is None else ways

    def body(self) -> bytes:
        detail = ErrorDetail(self.code, self.message)
        return msgspec.json.encode(PaymentBody(detail, self.price, self.balance, self.ways))


class NotEnoughCoins(PaymentRequired):
    """There are fewer coins than it costs; nothing was debited, and the same key may be used again."""

    code = "not_enough_coins"


class PriceIsAnother(ApiError):
    """The price is not the one that was shown; nothing was debited.  Show the new one and ask again."""

    status, code = 409, "price_changed"
    body_type = PriceBody

    def __init__(self, price: Price = _PRICE, ways: list[WayToUnlock] | None = None) -> None:
        super().__init__()
        self.price, self.ways = price, _WAYS if ways is None else ways

    def body(self) -> bytes:
        return msgspec.json.encode(PriceBody(ErrorDetail(self.code, self.message), self.price, self.ways))


class IdempotencyKeyMissing(BadRequest):
    """Send one `Idempotency-Key`: 1..64 printable ASCII characters, new for each purchase, the same for its retries."""

    code = "idempotency_key_missing"


class IdempotencyKeyReused(Unprocessable):
    """This Idempotency-Key has unlocked something else; nothing was debited.  Ask again with a new key."""

    code = "idempotency_key_reused"
