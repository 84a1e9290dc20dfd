"""What media jobs cost, in yuan: prices from a file, and what one record of a step's end comes to at them.

A price that nobody gave is None, and what it would have priced is told as unpriced, never as free.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal

import msgspec

from domain.media.record import Usage

MINUTE_MS = 60_000
STORAGE_GB = 2**30  # bytes: COS bills storage by 1,024 MB
TRAFFIC_GB = 10**9  # bytes: CDN and traffic packages are billed by 1,000 MB
EXACT = Decimal("0.000000001")  # one play of an episode is fractions of a fen
DEAREST = 1_000_000  # yuan for one of anything: a price above it is a slip of the pen

_CI_MINUTE = {
    "360p": Decimal("0.016"),
    "540p": Decimal("0.0325"),
    "720p": Decimal("0.0325"),
    "1080p": Decimal("0.063"),
}


class Prices(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Yuan each.  The defaults are list prices; put your contract's into the file (docs/media.md).

    ci_minute: content that CI wrote, by rung, H.264 without enhancement: up to 480 px 0.016, 720 px 0.0325, 1080 px
    0.063 (cloud.tencent.com/document/product/862/36180, of 2022; a minute begun is a minute there, fractions here).
    platform_gb has no public price: it comes with the traffic package that was bought.
    """

    ci_minute: Mapping[str, Decimal] = msgspec.field(default_factory=lambda: dict(_CI_MINUTE))
    ci_snapshot: Decimal | None = Decimal("0.0001")
    storage_gb_month: Decimal | None = Decimal("0.118")
    cdn_gb: Decimal | None = Decimal("0.21")
    platform_gb: Decimal | None = None

    def __post_init__(self) -> None:
        """Raises ValueError naming the price that cannot be one."""
        single = {name: getattr(self, name) for name in ("ci_snapshot", "storage_gb_month", "cdn_gb", "platform_gb")}
        named = {**single, **{f"ci_minute.{rung}": price for rung, price in self.ci_minute.items()}}
        wrong = [name for name, price in named.items() if price is not None and not _sound(price)]
        if wrong:
            raise ValueError(f"{', '.join(wrong)}: a price is between 0 and {DEAREST:,} yuan")


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """Yuan: once for processing; a month for what lies in our storage; for one whole play by CDN and by WeChat.

    `unpriced` names what was used and has no price: it is 0 in the numbers.
    """

    processing: Decimal = Decimal(0)
    storage_month: Decimal = Decimal(0)
    cdn_play: Decimal = Decimal(0)
    platform_play: Decimal = Decimal(0)
    unpriced: tuple[str, ...] = ()


def costs(usage: Usage, prices: Prices) -> Costs:
    """What it comes to.  Fractions of a minute count as such: rounding up is the bill's, a day's sum at a time."""
    unpriced: list[str] = []
    minutes = [_ci(rung, ms, prices, unpriced) for rung, ms in usage.ci_ms.items()]
    snapshots = _of("ci_snapshot", Decimal(usage.ci_snapshots), prices.ci_snapshot, unpriced)
    stored = Decimal(usage.stored_bytes) / STORAGE_GB
    cdn, platform = (Decimal(n) / TRAFFIC_GB for n in (usage.cdn_play_bytes, usage.platform_play_bytes))
    return Costs(
        processing=_exact(sum(minutes, Decimal(0)) + snapshots),
        storage_month=_exact(_of("storage_gb_month", stored, prices.storage_gb_month, unpriced)),
        cdn_play=_exact(_of("cdn_gb", cdn, prices.cdn_gb, unpriced)),
        platform_play=_exact(_of("platform_gb", platform, prices.platform_gb, unpriced)),
        unpriced=tuple(unpriced),
    )


def _ci(rung: str, ms: int, prices: Prices, unpriced: list[str]) -> Decimal:
    return _of(f"ci_minute.{rung}", Decimal(ms) / MINUTE_MS, prices.ci_minute.get(rung), unpriced)


def _of(name: str, amount: Decimal, price: Decimal | None, unpriced: list[str]) -> Decimal:
    if price is None:
        if amount:
            unpriced.append(name)
        return Decimal(0)
    return amount * price


def _exact(yuan: Decimal) -> Decimal:
    return yuan.quantize(EXACT, ROUND_HALF_EVEN)


def _sound(price: Decimal) -> bool:
    return price.is_finite() and 0 <= price <= DEAREST
