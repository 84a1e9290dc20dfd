"""What an arena starts its programs with: servers by world, links, and variables that differ from life to life."""

from __future__ import annotations

import pytest

from infra.local.home import Home
from infra.local.local_env import mysql_url
from juliu.faults import arena_programs
from juliu.faults.arena_ports import NAMES, link, listener
from juliu.faults.crew import Tireless
from juliu.faults.fault import World
from juliu.faults.outfit import Outfit

PORTS = {name: 20_000 + n for n, name in enumerate(NAMES)}
KNOWN = {"JULIU_MYSQL_URL": mysql_url("secret", 1), "JULIU_JWT_SECRET": "j", "JULIU_TICKET_SECRET": "t"}


def api(tmp_path) -> Outfit:
    process = arena_programs.processes(Home(tmp_path), PORTS)["api"]
    return Outfit(process, {"JULIU_KAFKA": "k"}, ("juliu.faults.sabotage", "fence"))


def test_a_failpoint_is_for_one_life(tmp_path):
    outfit = api(tmp_path)
    outfit.given = {"PYTHONPATH": "/next"}
    outfit.fail_at = "store.after_insert:2"
    first, second = outfit.environment(), outfit.environment()
    assert first == {**second, "FAIL_AT": "store.after_insert:2"}
    assert second == {"JULIU_API_PORT": str(PORTS["api"]), "JULIU_KAFKA": "k", "PYTHONPATH": "/next"}


def test_a_sabotaged_program_is_another_module_with_the_same_arguments(tmp_path):
    outfit = api(tmp_path)
    assert outfit.command()[1:] == ["-m", "juliu.faults.sabotage", "fence", "api"]
    assert Outfit(outfit.program, {}).command()[1:] == ["-m", "juliu", "api"]


def test_a_linked_process_finds_each_server_behind_its_own_link():
    straight = arena_programs.environment("stream-store-2", World(), PORTS, KNOWN)
    linked = arena_programs.environment("stream-store-2", World(linked=True, brokers=3), PORTS, KNOWN)
    assert straight["JULIU_REDIS_URL"].endswith(f":{PORTS['redis']}/0")
    assert linked["JULIU_REDIS_URL"].endswith(f":{PORTS[link('store', 'redis')]}/0")
    assert [int(each.rsplit(":", 1)[1]) for each in linked["JULIU_KAFKA"].split(",")] == [
        PORTS[link("store", broker)] for broker in ("kafka", "kafka-2", "kafka-3")
    ]
    assert (straight["JULIU_WORKER_ID"], linked["JULIU_REPLICATION"]) == ("2", "3")
    assert "secret" in linked["JULIU_MYSQL_URL"]


def test_brokers_tell_linked_clients_the_addresses_of_their_links(tmp_path):
    servers = arena_programs.servers(World(brokers=3), Home(tmp_path), tmp_path / "small", PORTS, "secret")
    assert list(servers) == ["kafka", "kafka-2", "kafka-3", "redis", "clickhouse", "mysql"]
    second = servers["kafka-2"]
    store = next(each for each in second.more if each.name == "STORE")  # type: ignore[attr-defined]
    assert (store.port, store.advertised) == (PORTS[listener("store", "kafka-2")], PORTS[link("store", "kafka-2")])
    alone = arena_programs.servers(World(), Home(tmp_path), tmp_path / "small", PORTS, "secret")["kafka"]
    assert alone != servers["kafka"]


def test_the_server_on_the_small_disk_has_its_data_there(tmp_path):
    servers = arena_programs.servers(World(small_disk="redis"), Home(tmp_path), tmp_path / "small", PORTS, "secret")
    assert servers["redis"].home.path == tmp_path / "small"  # type: ignore[attr-defined]
    assert servers["clickhouse"].home.path == tmp_path  # type: ignore[attr-defined]


@pytest.mark.parametrize(("world", "names"), [
    (World(), ["api", "stream-counters", "stream-store"]),
    (World(apis=2, workers=2, relay=True),
     ["api", "api-2", "relay", "stream-counters", "stream-counters-2", "stream-store", "stream-store-2"]),
])  # fmt: skip
def test_a_world_begins_with_its_processes(world: World, names: list[str]):
    assert arena_programs.wanted(world) == names


def test_a_program_that_a_fault_kills_is_never_given_up():
    restarts = Tireless()
    delays = [restarts.after_death(n * 0.1, was_ready=False) for n in range(100)]
    assert all(0 < delay <= 2.0 for delay in delays)
    assert delays[0] < delays[-1]
