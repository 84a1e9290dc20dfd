"""The links of a linked world: one for each client and server, and for each broker of its own too."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

from juliu.faults.arena_ports import APIS, BROKERS, CLIENTS, STORES, link, listener
from juliu.faults.fault import World
from juliu.faults.links import Link

Links = dict[tuple[str, str], "Link | Several"]


async def opened(ports: Mapping[str, int]) -> Links:
    """Every link of every world, by client and server; viewers are the client of the APIs.

    They listen as long as the arena is open, so that nobody else takes their ports meanwhile.  `runner` is this one,
    which finds Redis through a link that can be switched.
    """
    links: Links = {}
    try:
        for client, server, at, to in _ways(ports):
            links[client, server] = link_ = Link(random.Random(f"{client} {server}"))  # noqa: S311 - jitter
            await link_.open(at, to)
    except OSError:
        await close(links)
        raise
    return links


def _ways(ports: Mapping[str, int]) -> Iterator[tuple[str, str, int, int]]:
    """Client, server, the port where it is found, the port where it is.  `kafka-1` is the first broker."""
    for client in CLIENTS:
        for server in STORES:
            yield client, server, ports[link(client, server)], ports[server]
        for n, broker in enumerate(BROKERS, 1):
            yield client, f"kafka-{n}", ports[link(client, broker)], ports[listener(client, broker)]
    for api in APIS:
        yield "client", api, ports[link("client", api)], ports[api]
    yield "runner", "redis", ports[link("runner", "redis")], ports["redis"]


def renew(links: Links, world: World, ports: Mapping[str, int]) -> None:
    """Whole, unused and leading to the first of each server again; `kafka` is all brokers of this world together."""
    alone = {way: each for way, each in links.items() if isinstance(each, Link)}
    for client, server, _, to in _ways(ports):
        alone[client, server].renew(to)
    for client in CLIENTS:
        brokers = [alone[client, f"kafka-{n}"] for n in range(1, world.brokers + 1)]
        links[client, "kafka"] = brokers[0] if len(brokers) == 1 else Several(brokers)


class Several:
    """Several links that are told the same.  None of them is switched: a broker cannot stand in for another."""

    def __init__(self, links: Sequence[Link]) -> None:
        self._links = links

    @property
    def resets(self) -> int:
        """See Trouble."""
        return sum(each.resets for each in self._links)

    @property
    def lost(self) -> int:
        """See Trouble."""
        return sum(each.lost for each in self._links)

    def cut(self) -> None:
        """See Trouble."""
        for each in self._links:
            each.cut()

    def heal(self) -> None:
        """See Trouble."""
        for each in self._links:
            each.heal()

    def delay(self, ms: float, jitter_ms: float = 0.0) -> None:
        """See Trouble."""
        for each in self._links:
            each.delay(ms, jitter_ms)

    def throttle(self, bytes_per_s: float) -> None:
        """See Trouble."""
        for each in self._links:
            each.throttle(bytes_per_s)

    def reset_after(self, n_bytes: int) -> None:
        """See Trouble; of each of them."""
        for each in self._links:
            each.reset_after(n_bytes)

    def lose_answers(self, matching: bytes, n: int) -> None:
        """See Trouble; of each of them."""
        for each in self._links:
            each.lose_answers(matching, n)

    def hang(self) -> None:
        """See Trouble."""
        for each in self._links:
            each.hang()


async def close(links: Links) -> None:
    """Close them all and forget them."""
    for each in links.values():
        if isinstance(each, Link):
            await each.close()
    links.clear()
