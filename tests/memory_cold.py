"""The memory twin of recommender.refresh.cold_store.ColdStore."""

from __future__ import annotations

from domain.cold import NONE, Cold, pack_orders, unpack_orders


class MemoryColdStore:
    """What was put last."""

    def __init__(self) -> None:
        self.cold = NONE

    def put(self, cold: Cold) -> None:
        self.cold = unpack_orders(pack_orders(*cold))
