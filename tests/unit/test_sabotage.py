"""Each sabotage takes its rule away: on the twins, what the rule is for goes wrong; without it the product is whole."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from domain import window
from domain.blocks import Block
from infra.clickhouse import statements
from infra.clickhouse.clickhouse_row_store import ClickHouseRowStore
from infra.clickhouse.http import Answer, Http
from infra.clickhouse.row_store import Insert
from infra.settings import Settings
from ingest_api.events.kafka_log import KafkaLog
from juliu.faults import sabotage
from juliu.faults.matrix import NOT_DONE
from streams.watchdog import SESSION_S, Watchdog
from tests import counters_rig, store_rig
from tests.stream import Stream, shuffled


def spoil(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """As main() does, until the test ends."""
    sabotage.SABOTAGES[name].patch(monkeypatch.setattr)


def test_only_the_commands_of_a_sabotage_are_spoilt():
    plain = [sys.executable, "-m", "juliu", "stream", "counters"]
    assert sabotage.command("", ("stream", "counters")) == plain
    assert sabotage.command("token", ("stream", "counters")) == plain
    assert sabotage.command("fence", ("stream", "counters"))[2:] == [
        "juliu.faults.sabotage", "fence", "stream", "counters",
    ]  # fmt: skip
    assert sabotage.command("early_ack", ("api",))[2:] == ["juliu.faults.sabotage", "early_ack", "api"]


def test_each_is_caught_by_a_fault_of_the_matrix():
    assert {each.caught_by for each in sabotage.SABOTAGES.values()}.isdisjoint(NOT_DONE)


async def test_without_the_window_what_is_sent_again_counts_again(monkeypatch):
    spoil(monkeypatch, "window")
    assert window.add((1, 0, 5), 5, 1) == (window.NEW, (1, 0, 5))
    counted = counters_rig.Rig(counters_rig.a_log(300))
    await counted.join()
    await counted.drain()
    with pytest.raises(AssertionError):
        counters_rig.equals_ledger(counted)


async def stored(monkeypatch: pytest.MonkeyPatch, name: str = "") -> bool:
    """Whether every event is one row after a store worker died between rows and `blocks` row."""
    if name:
        spoil(monkeypatch, name)
    monkeypatch.setattr("streams.waits.FIRST_S", 0.0)
    rig = store_rig.Rig(store_rig.Log(shuffled(Stream(60, 20, 1), 400, 0.05, 0.05), pulse_every=150))
    await rig.join()
    rig.rows.trouble = _dies_after_insert()
    with pytest.raises(Killed):
        await _fetch_all(rig)
    rig.rows.trouble = lambda _: None
    rig.rows.tokens.clear()
    rig.start()
    await rig.join()
    try:
        await rig.drain(57)
    except (store_rig.Ended, AssertionError):
        return False  # it stops loudly
    return bool(rig.stored() == rig.log.identities())


async def _fetch_all(rig: store_rig.Rig) -> None:
    for _ in range(20):
        await rig.fetch(0, 41)


class Killed(BaseException):
    """kill -9."""


def _dies_after_insert() -> Any:
    def trouble(what: str) -> None:
        if what == "after insert":
            raise Killed

    return trouble


async def test_a_store_worker_that_dies_is_exact_unless_blocks_end_where_a_fetch_ended(monkeypatch):
    assert await stored(monkeypatch)
    assert not await stored(monkeypatch, "fetched_blocks")


async def test_a_store_worker_that_asks_nothing_doubles_what_is_in_doubt(monkeypatch):
    assert not await stored(monkeypatch, "token")


async def test_inserts_are_sent_without_token_and_condition(monkeypatch):
    said: list[tuple[str, dict[str, str]]] = []

    async def ask(_self: Http, sql: str, options: dict[str, str], _body: bytes = b"") -> Answer:
        said.append((sql, options))
        return Answer("", 1)

    monkeypatch.setattr(Http, "ask", ask)
    spoil(monkeypatch, "token")
    await ClickHouseRowStore(Http(Settings())).insert(
        Insert("events", 0, Block(0, 0), 202611, [(0, b'{"type":"liked"}')])
    )
    sql, options = said[0]
    assert "WHERE" not in sql
    assert "FORMAT JSONEachRow" in sql
    assert "insert_deduplication_token" not in options
    assert options["deduplicate_insert"] == "disable"
    assert "WHERE" not in statements.CLOSE


async def test_the_api_does_not_wait_for_the_log(monkeypatch):
    spoil(monkeypatch, "early_ack")
    handed: list[Any] = []

    class Deaf:
        def produce_batch(self, topic: str, messages: list[Any], **_: Any) -> int:
            handed.extend(messages)
            return len(messages)

    log = KafkaLog(Settings())
    log._producer = Deaf()  # type: ignore[assignment]
    await log.append(0, b"7", [b"{}", b"{}"])
    assert len(handed) == 2


def test_a_worker_that_slept_goes_on_for_a_while(monkeypatch):
    ended: list[Any] = []
    now = [0.0]
    watchdog = Watchdog(None, None, lambda _: None, end=lambda *said, **_: ended.append(said), now=lambda: now[0])  # type: ignore[arg-type,return-value]
    watchdog.tick(SESSION_S + 1)
    assert len(ended) == 1
    spoil(monkeypatch, "fence")
    watchdog.tick(SESSION_S + 1)
    assert len(ended) == 1
    now[0] += sabotage.ZOMBIE_S
    watchdog.tick(0.25)
    assert len(ended) == 2


async def test_a_partition_that_comes_back_is_gone_on_with_as_it_was_held(monkeypatch):
    rig = counters_rig.Rig(counters_rig.a_log(100))
    await rig.join()
    await rig.fetch(0, 20)
    before = await rig.work.open(0)
    assert not before._fold.state.hashes  # as the product does it
    spoil(monkeypatch, "fence")
    before = await rig.work.open(0)
    assert (await rig.work.open(0))._fold is before._fold


def test_a_script_that_has_changed_is_said(monkeypatch):
    monkeypatch.setattr(sabotage, "_COMPARED", "no such line")
    with pytest.raises(LookupError):
        spoil(monkeypatch, "fence")


async def test_the_group_takes_a_run_behind_a_gap(monkeypatch):
    rig = counters_rig.Rig(counters_rig.a_log(300))
    await rig.join()
    rig.positions[0] += 10
    await rig.fetch(0, 20)
    assert rig.fences()[0] == -1  # it was asked for again
    spoil(monkeypatch, "contiguity")
    rig.positions[0] += 10
    monkeypatch.setattr("streams.waits.FIRST_S", 0.0)
    monkeypatch.setattr(rig.store, "apply", _refuses)
    with pytest.raises(LoopedError):
        await rig.group._apply(0, rig.log.parts[0][10:30])


class LoopedError(Exception):
    """The run came to the store."""


async def _refuses(*_: Any) -> Any:
    raise LoopedError
