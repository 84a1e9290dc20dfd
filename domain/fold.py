"""The fold of the counters group: (state, run of records) -> (state', effects).

Duplicates are dropped here and nowhere else.

    prepared = fold.prepare(records)            # notes in fold.state.missing what must be read
    fold.state.fill(values)                     # the store's answers, read at the fence that the fold holds
    runs = fold.effects(prepared)               # apply them, in order, in one pipeline
    fold.state.trim()                           # after they were applied; fold.state.forget() after anything else
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

from domain import counters, hotness, keys, window
from domain.effects import Command, Run
from domain.events import AnyEvent
from domain.handlers import EVENT_COMMANDS, HANDLERS, NEEDS, Totals
from domain.state import State

MAX_COMMANDS = 1_000  # changes of one script call, 3 to 5 ms of Redis; a run is cut before it could pass that

# Offset, event, the session's Hash, the viewer's Hash or None, their Fields.
Prepared: TypeAlias = tuple[int, AnyEvent | None, Any, Any, Any]


class Unfoldable(Exception):
    """The record at `offset` cannot be folded.

    Forget the state, hand the record to the dead letters, and fold again with None in its place.
    """

    def __init__(self, offset: int) -> None:
        super().__init__(f"record {offset}")
        self.offset = offset


class Fold:
    """The fold of one partition, in one namespace.  Pure: it holds state and touches nothing.

    `seen`, `too_old` and `late` count the events that it dropped since it was made.
    """

    def __init__(self, partition: int, namespace: int, group: str = "counters") -> None:
        self.partition, self.namespace, self.group = partition, namespace, group
        self.state = State()
        self.seen = self.too_old = self.late = 0
        self._session = keys.session(group, namespace, partition, 0, "").removesuffix("0:")
        self._user = keys.user(namespace, partition, 0).removesuffix("0")

    def prepare(self, records: Iterable[tuple[int, AnyEvent | None]]) -> list[Prepared]:
        """Note what the run needs.  Records come in the order of their offsets, without gaps.

        None is a record without effects (a pulse, a poison already handed over): only the fence passes it.
        """
        need, session, user, needs = self.state.need, self._session, self._user, NEEDS
        out: list[Prepared] = []
        for offset, event in records:
            if event is None or event.late:
                self.late += event is not None
                out.append((offset, None, None, None, None))
                continue
            fields = needs[type(event)](event)
            in_session, in_user = fields
            viewer = f"{user}{event.user_id}"
            cells = need(f"{session}{event.user_id}:{event.session_id}", in_session)
            out.append((offset, event, cells, need(viewer, in_user) if in_user else None, fields))
        return out

    def effects(self, run: list[Prepared], max_commands: int = MAX_COMMANDS) -> list[Run]:
        """Fold the run (not empty), whose state has been filled in: Runs that continue each other, normally one.

        Raises Unfoldable; what was folded up to there must be forgotten.
        """
        out: list[Run] = []
        totals, first, last, room = Totals(), run[0][0], run[0][0], 0
        for record in run:
            if not room:  # for how many events there certainly is room
                room = (max_commands - totals.commands()) // EVENT_COMMANDS
                if room <= 0:
                    out.append(Run(first, last, self._commands(last, totals)))
                    totals, first, room = Totals(), record[0], max_commands // EVENT_COMMANDS
            room -= 1
            last = record[0]
            if record[1] is not None:
                try:
                    self._take(record, totals)
                except Exception as error:
                    raise Unfoldable(last) from error
        out.append(Run(first, last, self._commands(last, totals)))
        return out

    def _take(self, record: Prepared, totals: Totals) -> None:
        """Fold one event, unless the session's window has it."""
        _, event, session, user, fields = record
        assert event is not None
        cells = session.cells
        old = cells["w"]
        verdict, new = window.add(old, event.seq, event.received_at_ms // window.HOUR_MS)
        if verdict:
            self.seen += verdict == window.SEEN
            self.too_old += verdict == window.TOO_OLD
            return
        cells["w"] = new
        session.dirty.add("w")
        if new[0] != old[0]:
            session.expire_s = keys.SESSION_LIFE_S
        totals.touched[session.key] = session
        if user is not None:
            totals.touched[user.key] = user
        HANDLERS[type(event)](event, session, user, fields, totals)

    def _commands(self, last: int, totals: Totals) -> list[Command]:
        """The commands of a run that ends with the record `last`."""
        commands = self.state.writes(totals.touched)
        commands += self._viewers(totals)
        counts = {at: n for at, n in totals.counts.items() if n}
        if counts:
            hincrby: Command = ["HINCRBY", keys.counters_part(self.namespace, self.partition)]
            for at, n in counts.items():
                hincrby += (counters.field(at >> 4, at & 15), n)
            dirty: Command = ["ZADD", keys.dirty(self.namespace, self.partition)]
            for drama_id in dict.fromkeys(at >> 4 for at in counts):
                dirty += (str(drama_id), last)
            commands += (hincrby, dirty)
        return commands + self._heats(totals)

    def _viewers(self, totals: Totals) -> list[Command]:
        """What the feed needs of each viewer: history and the bitmap of what was seen."""
        commands: list[Command] = []
        for user_id, dramas in totals.recent.items():
            key = keys.recent(self.namespace, self.partition, user_id)
            members = [x for drama_id, ts_ms in dramas.items() for x in (str(drama_id), ts_ms)]
            commands += (["ZADDGT", key, *members], ["ZTRIM", key, keys.RECENT_KEPT], ["EXPIRE", key, keys.USER_LIFE_S])
        for user_id, indexes in totals.seen.items():
            key = keys.seen(self.namespace, self.partition, user_id)
            bits = [x for index in sorted(indexes) for x in (index, 1)]
            commands += (["SETBIT", key, *bits], ["EXPIRE", key, keys.USER_LIFE_S])
        return commands

    def _heats(self, totals: Totals) -> list[Command]:
        """One ZINCRBY for each decay and epoch."""
        commands: dict[tuple[str, int], Command] = {}
        for (decay, epoch, drama_id), amount in totals.heat.items():
            key = keys.heat_part(decay, self.namespace, self.partition, epoch)
            commands.setdefault((decay, epoch), ["ZINCRBY", key]).extend((str(drama_id), repr(amount)))
        return list(commands.values())


assert len(counters.COUNTERS) <= 16, "a counter must fit the four bits of Totals.counts"
assert tuple(decay.name for decay in hotness.DECAYS) == ("hot", "slow"), "the names of decays are in keys"
