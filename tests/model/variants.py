"""The rules of the design as switches, and what each is for: a variant takes one away, and the model must catch it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rules:
    """The design, if every switch is left alone; the last four say how hard the world is."""

    fence_compared: bool = True  # apply does nothing unless the fence is where the run begins
    contiguous: bool = True  # a run begins at fence + 1, for the worker and for apply
    window: bool = True  # duplicates are dropped
    position_from_fence: bool = True  # not from Kafka's committed offset
    forgets: bool = True  # held state goes after a refusal
    blocks_from_log: bool = True  # not from what was fetched
    rows_first: bool = True  # rows, `blocks` row, then windows
    fence_at_block_ends: bool = True  # the store's Redis fence never stops inside a block
    asks: bool = True  # in doubt, for an insert's first row by its primary key
    conditional: bool = True  # an insert finds the block fence at first - 1
    insert_a_month: bool = True  # an insert is one part: it lands whole or not at all
    format_kept: bool = True  # the block limit in force is kept beside the Redis fence
    format_from_log: bool = True  # and is changed by a pulse, not by whatever code runs
    fences_checked: bool = True  # the two fences and the blocks' contiguity are looked at

    tokens: int = 1_000  # how many ClickHouse remembers
    limits_change: bool = True  # pulses that ask for another limit
    deploys: bool = False  # code with another limit of its own
    clickhouse_goes_back: bool = False  # to a backup


@dataclass(frozen=True)
class Variant:
    """Rules taken away from the design in some world: within so many schedules one of `shows` must turn up."""

    what: str
    rules: Rules
    world: Rules
    shows: frozenset[str]
    within: int


def without(what: str, within: int, shows: str, world: Rules | None = None, **away: bool | int) -> Variant:
    """The variant of `world` (the design) without some of its rules."""
    world = world or BASE
    return Variant(what, Rules(**(vars(world) | away)), world, frozenset(shows.split()), within)


BASE = Rules()
FEW_TOKENS = Rules(tokens=3)  # the whole design must be exact here too
GOES_BACK = Rules(clickhouse_goes_back=True)  # ClickHouse loses what it had acknowledged: somebody must notice
LOUD = frozenset({"stopped", "noticed"})

TAKEN_AWAY = {
    "fence": without("apply does not compare the fence", 100, "double", fence_compared=False),
    "contiguity": without("a run may begin anywhere", 100, "lost", contiguous=False),
    "window": without("no duplicate window", 100, "double", window=False),
    "position": without("the position is Kafka's committed offset", 100, "stuck", position_from_fence=False),
    "forgetting": without("held state survives a refusal", 300, "double", forgets=False),
    "token": without("inserts carry no token", 300, "double", tokens=0),
    "block_rule": without("a block is what was fetched", 100, "double", blocks_from_log=False),
    "order": without("windows and Redis fence before the rows", 100, "stopped", rows_first=False),
    "order_unchecked": without("the same, unchecked", 100, "lost", rows_first=False, fences_checked=False),
    "block_ends": without("the store's fence moves inside blocks", 100, "stopped", fence_at_block_ends=False),
    "question": without("nobody asks for the first row", 300, "double", FEW_TOKENS, asks=False),
    "condition": without("a late insert is not stopped", 100, "double", Rules(tokens=1), conditional=False),
    "month": without("one insert over two months", 300, "lost", insert_a_month=False),
    "format": without("the limit in force is not kept", 3_000, "lost stopped", format_kept=False),
    "format_from_code": without(
        "kept, but each code brings its own from the next block on", 1_000, "double lost stopped",
        Rules(deploys=True), format_from_log=False, limits_change=False,
    ),
    "unchecked": without("nobody compares the fences", 100, "lost", GOES_BACK, fences_checked=False),
}  # fmt: skip
