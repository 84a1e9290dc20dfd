"""What an arena can run: servers alone or several, ours once or twice; and how each finds its servers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from infra.local import local_env, programs
from infra.local.clickhouse import ClickHouse
from infra.local.home import Home
from infra.local.kafka import Cluster, Kafka
from infra.local.mariadb import MariaDB
from infra.local.processes import Process
from infra.local.program import Program
from infra.local.redis import Redis
from juliu.faults import arena_ports
from juliu.faults.arena_ports import BROKERS, CLIENTS, address, link
from juliu.faults.fault import World

_CLUSTER_ID = "juliu-faults-3-brokers"  # 22 characters: 16 bytes in base 64
_CLIENT_OF = {
    "api": "api",
    "relay": "relay",
    "stream-counters": "counters",
    "stream-store": "store",
    "schedule": "api",  # it speaks to Redis and ClickHouse, as the API does to Redis
    "media": "relay",  # it speaks to MySQL and Kafka, too
}


def servers(world: World, home: Home, disk: Path, ports: Mapping[str, int], password: str) -> dict[str, Program]:
    """The servers of a world, by name; the one on the small disk has its folders at `disk`."""
    at = {name: Home(disk) if name == world.small_disk else home for name in ("kafka", "redis", "clickhouse")}
    found: list[Program] = [
        *_brokers(world, at["kafka"], ports),
        Redis(at["redis"], ports["redis"]),
        ClickHouse(at["clickhouse"], ports["clickhouse"]),
        MariaDB(home, ports["mysql"], password),
    ]
    if world.replica:
        found.append(Redis(home, ports["redis-2"], name="redis-2"))
    return {program.name: program for program in found}


def _brokers(world: World, home: Home, ports: Mapping[str, int]) -> list[Program]:
    if world.brokers == 1:
        more = arena_ports.listeners(ports, "kafka")
        return [Kafka(home, ports["kafka"], ports["kafka-controller"], more=more)]
    where = Home(home.path / "three")  # they have another history than the broker that is alone
    names = BROKERS[: world.brokers]
    cluster = Cluster(_CLUSTER_ID, tuple(ports[f"{name}-controller"] for name in names))
    return [
        Kafka(
            where, ports[name], ports[f"{name}-controller"], name=name, node_id=n, cluster=cluster,
            more=arena_ports.listeners(ports, name),
        )
        for n, name in enumerate(names, 1)
    ]  # fmt: skip


def processes(home: Home, ports: Mapping[str, int]) -> dict[str, Process]:
    """Our processes by name, the second ones too."""
    first = {process.name: process for process in programs.processes(home, ports)}
    second = {
        f"{name}-2": replace(first[name], name=f"{name}-2", port=ports[f"{name}-2"])
        for name in ("api", "stream-counters", "stream-store")
    }
    return first | second


def wanted(world: World) -> list[str]:
    """Names of our processes that the world begins with."""
    counts = {"api": world.apis, "relay": int(world.relay), "stream-counters": world.workers,
              "stream-store": world.workers}  # fmt: skip
    return [name if n == 1 else f"{name}-{n}" for name, count in counts.items() for n in range(1, count + 1)]


def environment(name: str, world: World, ports: Mapping[str, int], known: Mapping[str, str]) -> dict[str, str]:
    """Of one of our processes: its servers' addresses, its number, secrets, and what the world adds.

    `known` is what local.env says.
    """
    plain = name.removesuffix("-2")
    client = _CLIENT_OF[plain] if world.linked else ""
    return {
        **addresses(world, ports, local_env.mysql_password(known), client),
        "JULIU_JWT_SECRET": known["JULIU_JWT_SECRET"],
        "JULIU_TICKET_SECRET": known["JULIU_TICKET_SECRET"],
        "JULIU_WORKER_ID": "2" if name != plain else "1",
        **world.environment,
    }


def addresses(world: World, ports: Mapping[str, int], password: str, client: str = "") -> dict[str, str]:
    """Settings that say where the servers are: straight, or where `client`'s links begin."""
    assert not client or client in CLIENTS

    def port(server: str) -> int:
        return ports[link(client, server) if client else server]

    mysql = local_env.mysql_url(password, port("mysql"))
    return {
        "JULIU_KAFKA": ",".join(address(port(broker)) for broker in BROKERS[: world.brokers]),
        "JULIU_REPLICATION": str(world.brokers),
        "JULIU_REDIS_URL": f"redis://{address(port('redis'))}/0",
        "JULIU_CLICKHOUSE_URL": f"http://{address(port('clickhouse'))}",
        "JULIU_MYSQL_URL": mysql,
    }
