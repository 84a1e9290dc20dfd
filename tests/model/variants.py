"""The rules of the design as switches, and what each is for: a variant takes one away, and the model must catch it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Wrong(NamedTuple):
    """What a schedule came to: lost, double, disagree, stuck, stopped, noticed, invented or order; and where."""

    kind: str
    where: str


@dataclass(frozen=True)
class Rules:
    """The design, if every switch is left alone; the last six say how hard the world is."""

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

    # a rebuild of Redis, of one partition
    at_block_fence: bool = True  # it begins where ClickHouse ends, not where a counters fence is found
    windows_rebuilt: bool = True  # not the numbers alone
    format_rebuilt: bool = True  # the block limit in force there, from the log
    fences_last: bool = True  # keys, then fences: where Redis went back, the fences go first
    compared: bool = True  # then all that was written is read
    pointer_last: bool = True  # then the pointer
    switch_sees_fences: bool = True  # which moves only to a namespace that has its fences
    fresh_namespace: bool = True  # its number was never used, also not in a Redis that is gone
    doubt_abandons: bool = True  # a write without an answer: another namespace

    tokens: int = 1_000  # how many ClickHouse remembers
    limits_change: bool = True  # pulses that ask for another limit
    deploys: bool = False  # code with another limit of its own
    clickhouse_goes_back: bool = False  # to a backup
    rebuilds: bool = False  # somebody rebuilds Redis, now and then, and where workers have stopped
    flushes: bool = False  # FLUSHALL


@dataclass(frozen=True)
class RelayRules:
    """The relay's design, if every switch is left alone."""

    sends_first: bool = True  # a row is marked after Kafka has it
    by_mark: bool = True  # rows are found by their mark, not behind the last id: ids commit out of order
    marks_what_it_sent: bool = True  # and not everything up to there
    committed_only: bool = True  # no row of a transaction that may yet be rolled back
    gapless: bool = True  # after a failure nothing that was queued behind it goes out
    seq_under_lock: bool = True  # of two unlocks of a viewer at once, one waits
    prunes_marked: bool = True  # only those
    window: bool = True  # what is sent twice is counted once


@dataclass(frozen=True)
class Variant:
    """Rules taken away from the design in some world: within so many schedules one of `shows` must turn up."""

    what: str
    rules: Rules
    world: Rules
    shows: frozenset[str]
    within: int
    begin: int = 0  # the seed to begin at: what is rare is pinned, found by `python -m tests.model 60000 <variant>`


def without(
    what: str, within: int, shows: str, world: Rules | None = None, begin: int = 0, **away: bool | int
) -> Variant:
    """The variant of `world` (the design) without some of its rules."""
    world = world or BASE
    return Variant(what, Rules(**(vars(world) | away)), world, frozenset(shows.split()), within, begin)


BASE = Rules()
FEW_TOKENS = Rules(tokens=3)  # the whole design must be exact here too
GOES_BACK = Rules(clickhouse_goes_back=True)  # ClickHouse loses what it had acknowledged: somebody must notice
REBUILT = Rules(rebuilds=True, flushes=True)  # Redis is emptied and rebuilt, also beside workers that need it not
MENDED = Rules(rebuilds=True, flushes=True, clickhouse_goes_back=True)  # a rebuild is the way out where workers stop
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
    "rebuilt_elsewhere": without("rebuilt at the counters fence", 200, "stopped", REBUILT, at_block_fence=False),
    "rebuilt_in_part": without("only numbers are rebuilt, no windows", 100, "double", REBUILT, windows_rebuilt=False),
    "rebuilt_format": without("the block limit is not rebuilt", 300, "lost", REBUILT, 200, format_rebuilt=False),
    "rebuilt_fences_first": without("fences before keys", 300, "double", REBUILT, 2_000, fences_last=False),
    "rebuilt_uncompared": without("what was written is not read", 300, "double", REBUILT, 500, compared=False),
    "rebuilt_pointer_first": without(
        "the pointer before all of it", 100, "stopped", REBUILT, pointer_last=False, switch_sees_fences=False
    ),
    "rebuilt_blindly": without("the pointer moves blindly", 200, "stopped", REBUILT, switch_sees_fences=False),
    "rebuilt_twice": without("a namespace's number is used again", 300, "double lost", REBUILT, fresh_namespace=False),
    "rebuilt_in_doubt": without("a write in doubt is repeated", 300, "lost", REBUILT, 200, doubt_abandons=False),
}  # fmt: skip

RELAY = RelayRules()
RELAY_TAKEN_AWAY = {
    "sent_last": (RelayRules(sends_first=False), "lost"),
    "last_id": (RelayRules(by_mark=False), "lost"),
    "marked_up_to": (RelayRules(marks_what_it_sent=False), "lost"),
    "uncommitted": (RelayRules(committed_only=False), "invented"),
    "gaps": (RelayRules(gapless=False), "order"),
    "no_lock": (RelayRules(seq_under_lock=False), "lost"),
    "pruned": (RelayRules(prunes_marked=False), "lost"),
    "relay_window": (RelayRules(window=False), "double"),
}  # the rules that are left -> what must turn up within 300 schedules
