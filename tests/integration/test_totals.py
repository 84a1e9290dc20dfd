"""The numbers of dramas by SQL are those that the counters' fold has, at any block's end."""

from __future__ import annotations

import pytest

from domain import counters, keys
from infra.clickhouse import totals as by_sql
from infra.clickhouse.client import connect
from infra.settings import Settings
from tests.rebuild_rig import PARTITIONS, Rig, a_log

pytestmark = pytest.mark.servers


def in_redis(rig: Rig, p: int) -> by_sql.Numbers:
    with rig.client() as client:
        found = client.hgetall(keys.counters_part(1, p))
    numbers: by_sql.Numbers = {}
    for field, n in found.items():  # type: ignore[union-attr]
        drama, counter = counters.parse_field(field.decode())
        if int(n):
            numbers.setdefault(drama, {})[counters.COUNTERS[counter]] = int(n)
    return numbers


def test_the_numbers_by_sql_are_those_of_the_fold(fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(fresh)
    a_log(rig)
    with connect(rig.settings) as client:
        found = by_sql.of_partitions(client, rig.fences())
        some = by_sql.totals(client, 0, rig.fences()[0], dramas={3, 404})
        monkeypatch.setattr(by_sql, "ROWS_A_SLICE", 500)
        sliced = {p: by_sql.totals(client, p, fence) for p, fence in rig.fences().items()}
    for p in range(PARTITIONS):
        assert found[p] == in_redis(rig, p)
        assert sliced[p] == found[p]
    assert some == {3: found[0][3]}
    names = {name for numbers in found.values() for drama in numbers.values() for name in drama}
    assert names == set(counters.COUNTERS)


def test_records_behind_the_offset_do_not_count(fresh: Settings) -> None:
    rig = Rig(fresh)
    a_log(rig, 2_000)
    middle = rig.fences()
    at_middle = {p: in_redis(rig, p) for p in range(PARTITIONS)}
    a_log(rig, 1_500, seed=9)
    with connect(rig.settings) as client:
        assert by_sql.of_partitions(client, middle) == at_middle
        assert by_sql.of_partitions(client, dict.fromkeys(range(PARTITIONS), -1)) == {p: {} for p in range(PARTITIONS)}
