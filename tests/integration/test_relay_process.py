"""`juliu relay` on MySQL and Kafka: what the outbox says is in the log, where it belongs, in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain import events
from domain.topics import partition_of
from infra import exits
from infra.local import lag, local_env, ports
from infra.local.home import Home
from infra.money.tables import SHARDS
from infra.place import home
from infra.settings import Settings
from tests.redis_server import until
from tests.relay_rig import Rig, shards

pytestmark = [pytest.mark.servers, pytest.mark.timeout(180)]
SOON_S = 30.0


@pytest.fixture
def rig(stack: Settings, tmp_path: Path) -> Iterator[Rig]:
    one = Rig(stack, tmp_path)
    yield one
    one.close()


def test_a_row_becomes_the_record_that_it_holds_where_its_viewer_lives(rig):
    rig.unlock(range(1, 101), times=3)
    rig.relay("1")
    rig.sent()
    told = rig.told()
    assert Counter(record.value for record in told) == Counter(events.encode(one) for one in rig.unlocks)
    for record in told:
        assert record.key == str(record.event.user_id).encode()
        assert record.partition == partition_of(record.event.user_id, rig.settings.partitions)
    assert rig.first_copies() == rig.in_order()


def test_rows_are_sent_while_it_runs_and_it_tells_of_it(rig):
    relay = rig.relay("1")
    until(lambda: relay.ask("/readyz")[0] == 200, SOON_S, "ready")
    for _ in range(5):
        rig.unlock([1, 2, 3])
        rig.sent()
    assert relay.ask("/livez")[0] == 200
    status, text = relay.ask("/metrics")
    assert status == 200
    assert "juliu_relay_sent_total 15.0" in text
    assert f"juliu_relay_shards {SHARDS}.0" in text
    assert relay.stop() == 0
    assert [line["event"] for line in relay.lines()][-1] == "stopped"


def test_status_tells_how_many_rows_wait(rig):
    here = Home(home())
    port, password = ports.recall(here)["mysql"], local_env.mysql_password(local_env.read(here))
    assert lag.unpublished(port, password) == 0
    rig.unlock([1, 2, 3], times=2)
    assert lag.unpublished(port, password) == 6
    rig.relay("1")
    rig.sent()
    assert lag.unpublished(port, password) == 0
    assert lag.unpublished(port, "not the password") is None


def test_two_relays_share_and_what_one_leaves_the_other_takes(rig):
    patient = {"JULIU_RELAY_LEASE_MS": "20000"}  # that a busy machine makes nobody late
    first = rig.relay("1", **patient)
    until(lambda: shards(first) == SHARDS, SOON_S, "the first has all")
    second = rig.relay("2", **patient)
    until(lambda: (shards(first), shards(second)) == (SHARDS // 2, SHARDS // 2), SOON_S, "they share")
    rig.unlock(range(1, 201), times=2)
    rig.sent()
    assert len(rig.told()) == 400, "nothing twice while both live"
    assert min(_sent(first), _sent(second)) > 0
    assert first.stop() == 0
    until(lambda: shards(second) == SHARDS, SOON_S, "the second has all")
    rig.unlock(range(1, 201))
    rig.sent()
    assert rig.first_copies() == rig.in_order()


def test_without_the_partitions_of_the_installation_it_does_not_start(rig):
    relay = rig.relay("1", JULIU_PARTITIONS="5")
    assert relay.ended() == exits.MISCONFIGURED


def _sent(relay):
    (line,) = [line for line in relay.ask("/metrics")[1].splitlines() if line.startswith("juliu_relay_sent_total ")]
    return float(line.split()[1])
