"""The rules of the store group's two fences: the Redis fence (windows) and the block fence (ClickHouse).

The order of a block's effects is rows, then the `blocks` row, then windows and the Redis fence, both fences at block
ends only.  So always redis fence <= block fence; anything else means that ClickHouse went back (a restore, a power
loss), and going on would lose rows silently, because the windows say "seen".  The model in tests/model takes each of
these rules away and loses or doubles rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from domain.blocks import Block

NOTHING = -1  # the fence of a log of which nothing is in the store


class WentBack(Exception):
    """ClickHouse has less than it acknowledged: stop the partition loudly; the way out is a rebuild of its windows."""


class BlockMoved(Exception):
    """A block lies across the block fence: it was first cut by another rule.  Stop the partition loudly."""


def contiguous_end(blocks: Iterable[tuple[int, int]], after: int = NOTHING) -> int:
    """The block fence: the last offset of the blocks (first, last) that follow `after` without a hole.

    The blocks come in any order, and may come twice.  `after` is a fence known to be a block's end (the Redis fence),
    so that only later blocks have to be asked for.  Raises WentBack where a block lies behind a hole: max(last) would
    hide it.
    """
    end = after
    for first, last in sorted(blocks):
        if last <= end:
            continue
        if first != end + 1:
            raise WentBack(f"a block begins at {first}, the one before it ended at {end}")
        end = last
    return end


def start(redis_fence: int, block_fence: int) -> int:
    """The offset at which a store worker begins: after what the windows know.

    Blocks up to the block fence are only folded.  Raises WentBack where the windows are ahead of the rows.
    """
    if redis_fence > block_fence:
        raise WentBack(f"windows know everything up to {redis_fence}, ClickHouse only up to {block_fence}")
    return redis_fence + 1


def needs_rows(block: Block, block_fence: int) -> bool:
    """Whether the block's rows and `blocks` row are still to be written; if not, it is only folded.

    Raises BlockMoved, or WentBack where blocks before it are missing.
    """
    if block.last <= block_fence:
        return False
    if block.first <= block_fence:
        raise BlockMoved(f"{block.first}-{block.last} lies across the block fence {block_fence}")
    if block.first != block_fence + 1:
        raise WentBack(f"{block.first}-{block.last} does not follow the block fence {block_fence}")
    return True


def inserts(months: Sequence[int]) -> dict[int, list[int]]:
    """How a block's new rows are inserted: month of receipt -> the rows' positions, one insert each.

    An insert must be one part in ClickHouse (PARTITION BY month of received_at), so that it lands whole or not at all:
    only then does finding its first row prove that all of it is there.  `months` is each row's partition, as the table
    computes it.
    """
    out: dict[int, list[int]] = {}
    for position, month in enumerate(months):
        out.setdefault(month, []).append(position)
    return out


def token(topic: str, partition: int, block: Block, month: int) -> str:
    """insert_deduplication_token of one insert of a block: the same for every worker that sends it."""
    return f"{topic}:{partition}:{block.first}-{block.last}:{month}"


def must_ask(doubt: bool, rows: int) -> bool:
    """Whether to look for the insert's first row by its primary key, and to skip the insert if it is there.

    `doubt` is true for all of the first block after an assignment, and for the rest of a block after an insert of it
    that was not answered: ClickHouse may have taken it and have forgotten its token since.
    """
    return doubt and rows > 0


def still_next(block: Block, block_fence: int) -> bool:
    """The condition that every insert carries: a zombie's insert that arrives hours late inserts nothing.

    What is left: an insert under way for longer than ClickHouse remembers tokens while its own partition stands still.
    """
    return block_fence == block.first - 1
