"""The sessions that can still go on: their windows and playbacks in both groups, by the product's own folds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from clickhouse_connect.driver.client import Client

from domain import keys
from domain.effects import Command
from domain.fold import Fold, Unfoldable
from domain.rows import RowFold
from infra.clickhouse.totals import UPTO, bounds
from juliu.rebuild import rows
from juliu.rebuild.bulk import Bulk
from juliu.rebuild.rows import Row
from juliu.rebuild.stand import Target

TOGETHER = 2_000  # rows folded together, of whole sessions
NO_BOUND = 1_000_000_000  # commands: nothing is sent to a script here


_ALIVE_ROWS = f"SELECT count() FROM events WHERE {UPTO} AND toInt64(offset) >= {{alive:Array(Int64)}}[partition + 1]"  # noqa: S608


def slices(client: Client, target: Target, rows: int) -> list[dict[str, Any]]:
    """The slices of viewers whose open sessions have about `rows` rows, if half of them were stored before."""
    alive = bounds(target.at.upto) | {"alive": target.at.alive_from(target.now_s)}
    there = 2 * int(client.query(_ALIVE_ROWS, parameters=alive).result_rows[0][0])
    number = max(1, -(-there // rows))
    return [alive | {"slices": number, "slice": at} for at in range(number)] if there else []


def write(client: Client, bulk: Bulk, target: Target, which: dict[str, Any]) -> int:
    """Write the sessions of one slice that can still go on; how many rows they have.

    A session lives as long after its last event was stored as the folds would let it, or up to an hour longer.
    """
    folded = 0
    for p, some in _together(target, rows.read(client, rows.ALIVE, which)):
        folded += len(some)
        lasts = {(row.event.user_id, row.event.session_id): row.offset for row in some}
        namespace = target.namespaces[p]
        for group, fold_in in (("counters", counted), ("store", stored)):
            last_of = {keys.session(group, namespace, p, *who): last for who, last in lasts.items()}
            for _, key, *pairs in fold_in(p, namespace, some):
                life_s = target.life_s(p, last_of[key], keys.SESSION_LIFE_S)
                if life_s > 0:
                    bulk.put("HSET", key, *pairs)
                    bulk.put("EXPIRE", key, life_s)
    return folded


def counted(p: int, namespace: int, some: Sequence[Row]) -> Iterable[Command]:
    """HSET of each session in the counters group.

    A record that the fold cannot take has no part in it, as in the worker, which buries it.
    """
    run: list[tuple[int, Any]] = [(n, row.event) for n, row in enumerate(some)]
    while True:
        fold = Fold(p, namespace)
        prepared = fold.prepare(run)
        _fill_with_nothing(fold.state)
        try:
            runs = fold.effects(prepared, NO_BOUND)
        except Unfoldable as error:
            run[error.offset] = (error.offset, None)
            continue
        session = keys.session("counters", namespace, p, 0, "").removesuffix("0:")
        return [each for one in runs for each in one.commands if each[0] == "HSET" and each[1].startswith(session)]


def stored(p: int, namespace: int, some: Sequence[Row]) -> Iterable[Command]:
    """HSET of each session in the store group."""
    fold = RowFold(p, namespace)
    prepared = fold.prepare((n, row.event) for n, row in enumerate(some))
    _fill_with_nothing(fold.state)
    fold.judge(prepared)
    session = keys.session("store", namespace, p, 0, "").removesuffix("0:")
    return [each for each in fold.effects(prepared, 1).commands if each[0] == "HSET" and each[1].startswith(session)]


def _fill_with_nothing(state: Any) -> None:
    """Sessions are folded from their first event on: before it there is nothing."""
    state.fill([[None] * len(fields) for fields in state.missing.values()])


def _since_it_slept(target: Target, of_session: list[Row]) -> list[Row]:
    """A session that paused for longer than its life began anew, in the store that forgot it; `server` may."""
    part = target.at.parts[of_session[0].partition]
    for n in range(len(of_session) - 1, 0, -1):
        if part.stored_by(of_session[n].offset) - part.stored_by(of_session[n - 1].offset) > keys.SESSION_LIFE_S:
            return of_session[n:]
    return of_session


def _together(target: Target, found: Iterator[Row]) -> Iterator[tuple[int, list[Row]]]:
    """Partition and rows of whole sessions, about TOGETHER at a time."""
    session: Callable[[Row], Any] = lambda row: (row.partition, row.event.user_id, row.event.session_id)  # noqa: E731
    pending: list[Row] = []
    for _, group in itertools.groupby(found, session):
        of_session = _since_it_slept(target, list(group))
        if pending and (len(pending) + len(of_session) > TOGETHER or pending[0].partition != of_session[0].partition):
            yield pending[0].partition, pending
            pending = []
        pending += of_session
    if pending:
        yield pending[0].partition, pending
