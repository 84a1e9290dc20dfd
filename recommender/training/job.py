"""The training job: read, learn, measure, judge, publish; one at a time.  Whatever happens, what is served stays."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import replace

from infra import failpoints, logs
from recommender.errors import Refused
from recommender.learning.model import Recommendations, train
from recommender.learning.snapshot import Ignored, Pairs, Snapshot
from recommender.learning.weights import Weights
from recommender.publication.lock import held
from recommender.publication.publish import content, meta_of, publish
from recommender.publication.store import Hold, RecommendationStore
from recommender.training.account import Account
from recommender.training.evidence import evidence
from recommender.training.gate import Served, check, doubts
from recommender.training.order import Order
from recommender.training.outcome import Outcome, Report
from recommender.training.reach import left
from recommender.training.registry import Decision, Registry
from recommender.training.source import Source

LONGEST_S = 1_800.0  # a training that takes longer loses its lock and publishes nothing
WAIT_S = 300.0  # for another training to end

log = logs.get(__name__)
USUAL = Order()


def run(
    source: Source, store: RecommendationStore, models: Registry, as_of_ms: int, weights: Weights, *,
    order: Order = USUAL, tell: Callable[[Outcome], None] = lambda _: None, wait_s: float = WAIT_S,
) -> Report:  # fmt: skip
    """Train on what happened before `as_of_ms` and publish; waits up to `wait_s` while somebody else trains.

    What is published, and what is refused, goes into the registry, and then to `tell`.  Raises NotPublished,
    ClickHouseError, RedisError.
    """
    with held(store, "train", wait_s=wait_s, longest_s=LONGEST_S) as hold:
        account = Account(models, weights, order, as_of_ms, store.pointers().current)
        known, made = None, None
        try:
            known = _read(source, account)
            made = _learn(known, account)
            known = replace(known, pairs=Pairs.nothing(), ignored=Ignored.nothing())  # the exam reads as much again
            reason = _judge(source, store, known, made, account)
            version = _publish(store, known, made, account, hold)
        except Refused as error:
            entry = account.decided(Decision.REFUSED, str(error))
            tell(Outcome(entry, account.entries, known, made, order.catalogue))
            raise
        entry = account.decided(Decision.PUBLISHED, reason, version, order.overrule if reason else "")
        tell(Outcome(entry, account.entries, known, made, order.catalogue))
        return Report.of(entry)


def _read(source: Source, account: Account) -> Snapshot:
    with account.watch.step("read"):
        known = source.snapshot(account.as_of_ms, account.weights)
        account.read(known)
    if not len(known.watches):
        raise Refused("nobody has watched anything before that moment")
    log.info("read", watches=len(known.watches), pairs=len(known.pairs.a), seconds=account.watch.seconds["read"])
    return known


def _learn(known: Snapshot, account: Account) -> Recommendations:
    with account.watch.step("learn"):
        made = train(known, account.weights, account.order.catalogue)
        account.facts |= {"viewers": len(made.viewers), "dramas": made.dramas}
    log.info("learnt", viewers=len(made.viewers), dramas=made.dramas, seconds=account.watch.seconds["learn"])
    return made


def _judge(source: Source, store: RecommendationStore, known: Snapshot, made: Recommendations, account: Account) -> str:
    """What the gate doubts and a person overruled; "" for nothing.  Raises Refused."""
    meta = meta_of(store, account.before)
    served = Served(meta.viewers, meta.dramas) if meta else Served()
    check(made, int(left(made, known.watches).sum()))
    with account.watch.step("examine"):
        account.measured |= evidence(source, known, made, account.weights, account.order)
    failpoints.reached("train.examined")
    found = "; ".join(doubts(made, served, account.measured, account.past(), account.order.limits))
    log.info("judged", doubts=found, not_measured=sorted(account.measured.missing), **account.watch.seconds)
    if found and not account.order.overrule:
        raise Refused(found)
    return found


def _publish(
    store: RecommendationStore, known: Snapshot, made: Recommendations, account: Account, hold: Hold
) -> str:  # fmt: skip
    """The version."""
    with account.watch.step("publish"):
        made_at_ms = time.time_ns() // 1_000_000
        stored = content(made, len(known.watches), uuid.uuid4().hex[:8], made_at_ms, account.weights)
        account.facts |= {"lists": len(stored.lists), "bytes": stored.bytes}
        publish(store, made, stored, hold, account.before)
    log.info("published", version=str(stored.version), seconds=account.watch.seconds["publish"])
    return str(stored.version)
