"""The training job: read, learn, check, publish.  One at a time; whatever happens, the old version is served on."""

from __future__ import annotations

import time
import uuid

import msgspec
from clickhouse_connect.driver.client import Client

from infra import logs
from recommender.errors import Refused
from recommender.learning import snapshot
from recommender.learning.model import train
from recommender.learning.weights import Weights
from recommender.publication.lock import held
from recommender.publication.publish import content, publish
from recommender.publication.store import Hold, RecommendationStore
from recommender.training.account import Account
from recommender.training.registry import Decision, Registry

LONGEST_S = 1_800.0  # a training that takes longer loses its lock and publishes nothing
WAIT_S = 300.0  # for another training to end

log = logs.get(__name__)


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a training did."""

    version: str
    as_of_ms: int
    viewers: int
    dramas: int
    lists: int
    watches: int
    pairs: int
    bytes: int
    seconds: dict[str, float]

    def sentence(self) -> str:
        """For people."""
        return (
            f"published {self.version}: lists of {self.viewers:,} viewers and {self.lists:,} dramas"
            f" ({self.bytes / 1e6:.1f} MB), from {self.watches:,} watches and {self.pairs:,} pairs;"
            f" {', '.join(f'{name} {seconds} s' for name, seconds in self.seconds.items())}"
        )


def run(
    client: Client, store: RecommendationStore, models: Registry, as_of_ms: int, weights: Weights, *,
    wait_s: float = WAIT_S,
) -> Report:  # fmt: skip
    """Train on what happened before `as_of_ms` and publish; waits up to `wait_s` while somebody else trains.

    What is published, and what is refused, goes into the registry.  Raises NotPublished, ClickHouseError, RedisError.
    """
    with held(store, "train", wait_s=wait_s, longest_s=LONGEST_S) as hold:
        account = Account(models, weights, as_of_ms, store.pointers().current)
        try:
            return _train(client, store, account, hold)
        except Refused as error:
            account.decided(Decision.REFUSED, str(error))
            raise


def _train(client: Client, store: RecommendationStore, account: Account, hold: Hold) -> Report:
    weights, as_of_ms, watch = account.weights, account.as_of_ms, account.watch
    with watch.step("read"):
        known = snapshot.read(client, as_of_ms, weights)
        account.read(known)
    if not len(known.watches):
        raise Refused("nobody has watched anything before that moment")
    log.info("read", watches=len(known.watches), pairs=len(known.pairs.a), seconds=watch.seconds["read"])
    with watch.step("learn"):
        made = train(known, weights)
        account.facts |= {"viewers": len(made.viewers), "dramas": made.dramas}
    log.info("learnt", viewers=len(made.viewers), dramas=made.dramas, seconds=watch.seconds["learn"])
    with watch.step("publish"):
        stored = content(made, len(known.watches), uuid.uuid4().hex[:8], time.time_ns() // 1_000_000, weights)
        account.facts |= {"lists": len(stored.lists), "bytes": stored.bytes}
        publish(store, made, stored, hold, account.before)
    log.info("published", version=str(stored.version), seconds=watch.seconds["publish"])
    account.decided(Decision.PUBLISHED, version=str(stored.version))
    return Report(
        version=str(stored.version), as_of_ms=as_of_ms, viewers=len(made.viewers), dramas=made.dramas,
        lists=len(stored.lists), watches=len(known.watches), pairs=len(known.pairs.a) // 2, bytes=stored.bytes,
        seconds=watch.seconds,
    )  # fmt: skip
