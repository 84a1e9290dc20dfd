"""A block that ClickHouse has already is folded again: does what it says agree with what windows are about to learn?

Windows that learn of an event which has no row lose it for ever; windows that miss one which has a row let it in twice.
Only records that one version of the code could read and another could not do that (decision 0011), so nothing is
looked into unless the number of poison differs.  Then the rows themselves are asked: their number tells nothing, for an
event that is new in this fold and one that is a repeat in it can cancel out.  That windows decide otherwise does not
stop: whatever they call a repeat, or no repeat any more (a window's life was over, Redis was rebuilt in between), has
its row either way.
"""

from __future__ import annotations

from collections.abc import Sequence

from domain.blocks import Block
from domain.events import AnyEvent
from domain.rows import NEW
from infra import logs
from infra.clickhouse.row_store import RowStore, Stored
from infra.fold_store import Broken
from streams import store_block

WAY_OUT = "run `juliu rebuild redis --no-compare`, see docs/runbooks/dead-letters.md"

log = logs.get(__name__)


class Refold:
    """The stored blocks of one partition, as their rows in `blocks` tell them, asked for by the page."""

    def __init__(self, rows: RowStore, p: int) -> None:
        self._rows, self._p = rows, p
        self._told: dict[Block, Stored] = {}

    async def check(
        self, block: Block, read: store_block.Events, verdicts: Sequence[int], poison: Sequence[int], upto: int
    ) -> None:
        """Return where the windows may learn this block; `poison` are offsets, `upto` is the block fence.

        Raises Broken where rows would be lost or come twice, Wait.
        """
        told = await self._of(block)
        if told is None or told.poison == len(poison):
            return
        log.warning(
            "folded otherwise", partition=self._p, first=block.first, last=block.last,
            rows=verdicts.count(NEW), stored_rows=told.rows, poison=len(poison), stored_poison=told.poison,
        )  # fmt: skip
        if unread := await self._rows.rows_at(self._p, poison):
            raise Broken(self._says(block, f"this version cannot read {unread} of its rows: start another"))
        if lost := await self._without_row(read, verdicts, upto):
            raise Broken(self._says(block, f"{lost} of its records, dead letters then, are events without a row now"))

    async def _of(self, block: Block) -> Stored | None:
        """None where no row tells of just this block: an empty one by hand, or months that were dropped."""
        if block not in self._told:
            self._told = dict(await self._rows.told(self._p, block.first))
        return self._told.pop(block, None)

    async def _without_row(self, read: store_block.Events, verdicts: Sequence[int], upto: int) -> int:
        """How many events this fold calls new that are in no stored block: those of letters sent again are in one."""
        fresh: list[AnyEvent] = [
            event for event, verdict in zip(read, verdicts, strict=True) if event is not None and verdict == NEW
        ]
        return await self._rows.lacks(self._p, fresh, upto)

    def _says(self, block: Block, what: str) -> str:
        return f"partition {self._p}: block {block.first}-{block.last} is stored, but {what}; {WAY_OUT}"
