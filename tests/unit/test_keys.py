"""The keys of a namespace are known as such, and no others are."""

from __future__ import annotations

import pytest

from domain import keys


@pytest.mark.parametrize(
    "key",
    [
        keys.fence("counters", 1_795_000_000, 3), keys.block_format(1_795_000_000, 3),
        keys.session("store", 1_795_000_000, 3, 5, "se:ss"), keys.user(1_795_000_000, 3, 5),
        keys.seen(1_795_000_000, 3, 5), keys.recent(1_795_000_000, 3, 5), keys.counters_part(1_795_000_000, 3),
        keys.heat_part("slow", 1_795_000_000, 3, 7), keys.dirty(1_795_000_000, 3),
    ],
)  # fmt: skip
def test_every_key_of_a_namespace_tells_it(key):
    assert keys.namespace_of(key) == (3, 1_795_000_000)
    assert keys.family_of(key) in keys.Family


def test_a_heat_part_tells_its_decay_and_epoch():
    assert keys.decay_and_epoch_of(keys.heat_part("slow", 5, 3, 7)) == ("slow", 7)


@pytest.mark.parametrize(
    "key",
    [
        keys.namespace(3), keys.rebuilding(3), keys.served(3, 5), keys.COUNTERS, keys.HOT, keys.MERGED,
        keys.CATALOGUE_VERSION, keys.rec_meta("1"), keys.poison_budget("store", "v", 7), keys.PARTITIONS,
    ],
)  # fmt: skip
def test_what_outlives_namespaces_belongs_to_none(key):
    assert keys.namespace_of(key) is None
