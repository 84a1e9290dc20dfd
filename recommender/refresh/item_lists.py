"""What people also watched, made anew from what is watched now, by the factors of the version that readers have.

All lists of a version change in one step, or none does.  Dramas that came after the training have lists too.
"""

from __future__ import annotations

import time

import msgspec
import numpy as np
from clickhouse_connect.driver.client import Client

from domain.catalogue import Catalogue
from recommender.errors import NO_CATALOGUE, Raced, Refused
from recommender.learning import also_watched, snapshot
from recommender.learning.als import Factors
from recommender.learning.content import Content
from recommender.learning.folding import Folding
from recommender.learning.snapshot import Snapshot
from recommender.learning.weights import Weights
from recommender.publication.lock import held
from recommender.publication.publish import packed
from recommender.publication.store import RecommendationStore
from recommender.refresh.served import served

TASK = "lists"
LONGEST_S = 1_200.0
LEAST_SHARE = 0.5  # of the lists that are there


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a run did."""

    version: str
    lists: int
    before: int
    bytes: int
    seconds: float

    def sentence(self) -> str:
        """For people."""
        return (
            f"{self.lists:,} lists of what people also watched ({self.bytes / 1e6:.1f} MB) in place of {self.before:,},"
            f" in {self.version}; {self.seconds} s"
        )


def run(
    client: Client, store: RecommendationStore, catalogue: Catalogue, as_of_ms: int, *, wait_s: float = 0.0
) -> Report:
    """Replace the lists of the version that is served.

    Raises Refused where there is none with factors, no catalogue, or far fewer lists came out than are there, Busy,
    Raced where another version is served by now, ClickHouseError, RedisError.
    """
    began = time.perf_counter()
    with held(store, TASK, wait_s=wait_s, longest_s=LONGEST_S) as hold:
        version, meta, folding = served(store)
        if not catalogue.count:
            raise Refused(f"{NO_CATALOGUE}; the lists would know no series and no tags")
        made = lists_of(snapshot.read(client, as_of_ms, meta.weights), folding, meta.weights, catalogue)
        if not made or len(made) < LEAST_SHARE * meta.lists:
            raise Refused(f"{len(made)} lists, fewer than half of the {meta.lists} that are served now")
        told = msgspec.json.encode(msgspec.structs.replace(meta, lists=len(made)))
        if not store.relist(version, made, told, hold):
            raise Raced("another version is served by now, or the lock is somebody else's")
    seconds = round(time.perf_counter() - began, 2)
    size = sum(map(len, made.values()))
    return Report(version=str(version), lists=len(made), before=meta.lists, bytes=size, seconds=seconds)


def lists_of(known: Snapshot, folding: Folding, weights: Weights, catalogue: Catalogue) -> dict[int, bytes]:
    """Packed lists by dense index; a drama that the factors do not know is judged by who watched it alone."""
    nobody = np.zeros((0, folding.dramas.shape[1]), np.float32)
    factors = Factors(nobody, folding.dramas, folding.parts)
    lists = also_watched.related(known, factors, weights, Content.of(catalogue))
    return {index: packed(best) for index, best in lists.items()}
