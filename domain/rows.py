"""The fold of the store group: which records of a block become rows, and what that does to the duplicate windows.

The same windows as the counters fold, in hashes of its own, so both groups take the same offsets.  Effects move the
fence to the block's end, never inside it: a block is one Run, however large.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from domain import blocks, keys, window
from domain.effects import Run
from domain.events import AnyEvent, Head
from domain.state import WINDOW, Hash, State

NEW, SEEN, TOO_OLD = window.NEW, window.SEEN, window.TOO_OLD  # a row; dropped; to late_events
LATE, CONTROL = 3, 4  # to late_events; nothing (a pulse, or poison that was handed over)

Headed: TypeAlias = Head | AnyEvent  # what tells its identity, when it was received, and whether it is late
PreparedRow: TypeAlias = tuple[int, Headed | None, Hash | None]


class RowFold:
    """The row fold of one partition, in one namespace.  Pure: it holds state and touches nothing.

    prepared = fold.prepare(heads)            # of one whole block; notes in fold.state.missing what must be read
    fold.state.fill(values)                   # the store's answers, read at the fence that is held
    verdicts = fold.judge(prepared)           # NEW | SEEN | TOO_OLD | LATE | CONTROL of each record, in order
    run = fold.effects(prepared, next_limit)  # apply after the rows and the `blocks` row are in ClickHouse
    fold.state.trim()                         # after it was applied; fold.state.forget() after anything else
    """

    def __init__(self, partition: int, namespace: int, group: str = "store") -> None:
        self.partition, self.namespace, self.group = partition, namespace, group
        self.state = State()
        self._session = keys.session(group, namespace, partition, 0, "").removesuffix("0:")

    def prepare(self, heads: Iterable[tuple[int, Headed | None]]) -> list[PreparedRow]:
        """Note what the block needs.  None is a pulse or poison.  Heads come in offset order without gaps."""
        need, session, only = self.state.need, self._session, (WINDOW,)
        known: dict[str, tuple[int, Hash]] = {}  # session -> its viewer and hash: most records follow one of their own
        out: list[PreparedRow] = []
        for offset, head in heads:
            if head is None or head.late:
                out.append((offset, head, None))
                continue
            found = known.get(head.session_id)
            if found is None or found[0] != head.user_id:
                cells = need(f"{session}{head.user_id}:{head.session_id}", only)
                found = known[head.session_id] = (head.user_id, cells)
            out.append((offset, head, found[1]))
        return out

    def judge(self, block: list[PreparedRow]) -> list[int]:
        """The verdict on each record, once; the windows held are as after the block from here on."""
        verdicts: list[int] = []
        for _, head, session in block:
            if head is None or session is None:
                verdicts.append(CONTROL if head is None else LATE)
                continue
            cells = session.cells
            old = cells[WINDOW]
            verdict, new = window.add(old, head.seq, head.received_at_ms // window.HOUR_MS)
            if verdict == NEW:
                cells[WINDOW] = new
                session.dirty.add(WINDOW)
                if new[0] != old[0]:
                    session.expire_s = keys.SESSION_LIFE_S
            verdicts.append(verdict)
        return verdicts

    def effects(self, block: list[PreparedRow], next_limit: int) -> Run:
        """The windows after the block and, beside the fence, the limit of the next one (Cutter.limit after the cut)."""
        touched = {session.key: session for _, _, session in block if session is not None}
        commands = self.state.writes(touched)
        kept = keys.block_format(self.namespace, self.partition)
        commands.append(["HSET", kept, keys.BLOCK_FORMAT, blocks.encode_format(next_limit)])
        return Run(block[0][0], block[-1][0], commands)
