"""New dramas: who of them is shown next, in what share of pages.  Stateless: ClickHouse and the catalogue say it all.

A drama is new while hardly anybody was shown it before the last `cold_days`.  The published order lives two hours, so
that a job that died ends the exploration instead of freezing it.
"""

from __future__ import annotations

import msgspec
import numpy as np
from clickhouse_connect.driver.client import Client

from domain.catalogue import Catalogue
from domain.cold import Cold
from recommender.errors import NO_CATALOGUE, Refused
from recommender.learning.asked import DAY_MS, ask
from recommender.learning.weights import Weights
from recommender.refresh import cold_orders
from recommender.refresh.cold_store import ColdStore
from recommender.refresh.newcomers import HOUR_MS, Ints, Judged, Newcomers, Shown, Standing, judge

MOST_NEW = 5_000  # looked at in a run; the others are due later

Columns = dict[str, Ints]
NOTHING: Columns = {name: np.zeros(0, np.int64) for name in ("drama_index", "viewers", "asked", "valid")}


class ColdReport(msgspec.Struct, frozen=True, kw_only=True):
    """How new dramas stand, and what pages take until the next order."""

    new: int
    owed: int  # not yet shown to as many viewers as each is guaranteed
    late: int  # of these, whose hours are over
    undecided: int
    graduated: int
    retired: int
    share: float  # of pages
    listed: int  # dramas in the orders
    items_an_hour: int  # dramas shown an hour, new or not

    def sentence(self) -> str:
        """For people."""
        return (
            f"{self.new:,} new dramas: {self.owed:,} are owed viewers ({self.late:,} of them late),"
            f" {self.undecided:,} undecided, {self.graduated:,} graduated, {self.retired:,} retired;"
            f" {self.listed:,} get {100 * self.share:.2g} % of {self.items_an_hour:,} items an hour"
        )


def refresh_cold(
    client: Client, catalogue: Catalogue, store: ColdStore, weights: Weights, *, now_ms: int, seed: int
) -> ColdReport:
    """Publish what new dramas are owed as of now.  The same seed, catalogue and log give the same orders.

    Raises Refused for an empty catalogue (nothing is known of what may be shown), ClickHouseError, redis.RedisError.
    """
    if not catalogue.count:
        raise Refused(NO_CATALOGUE)
    log = _Log(client, weights, now_ms)
    categories = _categories(catalogue)
    shown = log.ask("cold_shown")
    crowd = _shown(log.ask("cold_crowd"), categories)
    judged = judge(_newcomers(log, catalogue, categories, shown), crowd, weights)
    items = int(shown["last_hour"].sum())
    cold = cold_orders.plan(judged, items, weights, now_ms=now_ms, seed=seed)
    store.put(cold)
    return _report(judged, cold, items, now_ms - round(weights.cold_hours * HOUR_MS))


def _report(judged: Judged, cold: Cold, items: int, late_ms: int) -> ColdReport:
    count = {standing: int(judged.are(standing).sum()) for standing in Standing}
    began = judged.newcomers.first_ms
    return ColdReport(
        new=len(judged.newcomers),
        owed=count[Standing.OWED],
        late=int((judged.are(Standing.OWED) & (began > 0) & (began < late_ms)).sum()),
        undecided=count[Standing.UNDECIDED],
        graduated=count[Standing.GRADUATED],
        retired=count[Standing.RETIRED],
        share=cold.share,
        listed=len(set().union(*cold.orders)),
        items_an_hour=items,
    )


# -- who is new --------------------------------------------------------------------------------------------------------


def _newcomers(log: _Log, catalogue: Catalogue, categories: Ints, shown: Columns) -> Newcomers:
    """Dramas that may be offered and that hardly anybody was shown before, MOST_NEW of them: first shown, first due.

    Of those not shown yet the latest of the catalogue: a backlog of old ones must not hold up what came out today.
    """
    before, first_ms = (_by_index(shown, name, len(categories)) for name in ("before", "first_ms"))
    offered = (drama for drama in catalogue if catalogue.offered(drama.drama_id, log.now_ms))
    new = [drama for drama in offered if before[drama.index] < log.weights.cold_known]
    new.sort(key=lambda drama: (first_ms[drama.index] or log.now_ms, -drama.index))
    new = new[:MOST_NEW]
    index = np.array([drama.index for drama in new], np.int64)
    became = log.ask("cold_pool", dramas=[drama.drama_id for drama in new]) if new else NOTHING
    viewers, asked, valid = (_by_index(became, name, len(categories))[index] for name in ("viewers", "asked", "valid"))
    return Newcomers(index, categories[index], asked, valid, first_ms[index], viewers)


class _Log:
    """What was shown and watched, as of a moment."""

    def __init__(self, client: Client, weights: Weights, now_ms: int) -> None:
        self._client, self.weights, self.now_ms = client, weights, now_ms

    def ask(self, name: str, **ids: list[int]) -> Columns:
        """The answer of a query of recommender/learning/sql."""
        now, weights = self.now_ms, self.weights
        moments = {
            "as_of_ms": now,
            "recent_ms": now - weights.cold_days * DAY_MS,
            "from_ms": now - weights.window_days * DAY_MS,
        }
        table = ask(self._client, name, {**moments, **ids}, weights)
        return {column: table[column].to_numpy().astype(np.int64) for column in table.column_names}


# -- tables and columns ------------------------------------------------------------------------------------------------


def _categories(catalogue: Catalogue) -> Ints:
    """The number of each dense index's category."""
    numbers = {"": 0}
    found = np.zeros(catalogue.top_index + 1, np.int64)
    for drama in catalogue:
        found[drama.index] = numbers.setdefault(drama.category, len(numbers))
    return found


def _shown(columns: Columns, categories: Ints) -> Shown:
    """Of dramas that the catalogue has."""
    kept = columns["drama_index"] < len(categories)
    index, asked, valid = (columns[name][kept] for name in ("drama_index", "asked", "valid"))
    return Shown(index, categories[index], asked, valid)


def _by_index(columns: Columns, name: str, rows: int) -> Ints:
    """The column, a row a dense index below `rows`; 0 where the table has none."""
    found = np.zeros(rows, np.int64)
    kept = columns["drama_index"] < rows
    found[columns["drama_index"][kept]] = columns[name][kept]
    return found
