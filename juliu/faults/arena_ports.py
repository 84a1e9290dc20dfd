"""The ports of an arena: those of the stack, of second servers and processes, and of the links between them."""

from __future__ import annotations

from collections.abc import Mapping

from infra.local import ports
from infra.local.home import HOST
from infra.local.kafka import Listener

CLIENTS = ("api", "counters", "store", "relay")
BROKERS = ("kafka", "kafka-2", "kafka-3")
APIS = ("api", "api-2")
STORES = ("redis", "clickhouse", "mysql")
_SECOND = ("api-2", "stream-counters-2", "stream-store-2", "redis-2")
_BROKER_PORTS = tuple(f"{broker}{end}" for broker in BROKERS[1:] for end in ("", "-controller"))


def link(client: str, server: str) -> str:
    """Name of the port at which this client finds this server in a linked world."""
    return f"link-{client}-{server}"


def listener(client: str, broker: str) -> str:
    """Name of the broker's own port behind such a link."""
    return f"{broker}-for-{client}"


NAMES = (
    *ports.NAMES,
    *_SECOND,
    *_BROKER_PORTS,
    *(link(client, server) for client in CLIENTS for server in (*BROKERS, *STORES)),
    *(link("client", api) for api in APIS),
    link("runner", "redis"),
    *(listener(client, broker) for client in CLIENTS for broker in BROKERS),
)


def listeners(of: Mapping[str, int], broker: str) -> tuple[Listener, ...]:
    """The listeners of a broker whose clients are told to come through their link."""
    return tuple(Listener(client.upper(), of[listener(client, broker)], of[link(client, broker)]) for client in CLIENTS)


def address(port: int) -> str:
    """Of a loopback port."""
    return f"{HOST}:{port}"
