"""The links of a linked world: one for each client and server, and for each broker of its own too."""

from __future__ import annotations

import random
from collections.abc import Mapping

from juliu.faults.arena_ports import APIS, BROKERS, CLIENTS, STORES, link, listener
from juliu.faults.fault import World
from juliu.faults.links import Link

Links = dict[tuple[str, str], Link]


async def opened(world: World, ports: Mapping[str, int]) -> Links:
    """By client and server: our processes' links to their servers, and those of viewers (`client`) to the APIs.

    `kafka` is all brokers together, `kafka-1`, `kafka-2` ... are those one by one.  With a replica this
    runner too (`runner`) finds Redis through a link that can be switched.
    """
    links: Links = {}
    for client in CLIENTS:
        for server in STORES:
            links[client, server] = Link(random.Random(f"{client} {server}"))  # noqa: S311 - jitter
            await links[client, server].open(ports[link(client, server)], ports[server])
        await _brokers(links, client, world, ports)
    for api in APIS[: world.apis]:
        links["client", api] = Link()
        await links["client", api].open(ports[link("client", api)], ports[api])
    if world.replica:
        links["runner", "redis"] = Link()
        await links["runner", "redis"].open(ports[link("runner", "redis")], ports["redis"])
    return links


async def _brokers(links: Links, client: str, world: World, ports: Mapping[str, int]) -> None:
    """A link a broker; that of all is those, told together."""
    each = []
    for n, broker in enumerate(BROKERS[: world.brokers], 1):
        one = links[client, f"kafka-{n}"] = Link(random.Random(f"{client} {broker}"))  # noqa: S311 - jitter
        await one.open(ports[link(client, broker)], ports[listener(client, broker)])
        each.append(one)
    links[client, "kafka"] = each[0] if len(each) == 1 else Several(each)


class Several(Link):
    """Several links that are told the same."""

    def __init__(self, links: list[Link]) -> None:
        self._links = links
        super().__init__()

    def cut(self) -> None:
        """See Link."""
        for each in self._links:
            each.cut()

    def heal(self) -> None:
        """See Link."""
        for each in self._links:
            each.heal()

    def delay(self, ms: float, jitter_ms: float = 0.0) -> None:
        """See Link."""
        for each in self._links:
            each.delay(ms, jitter_ms)

    def throttle(self, bytes_per_s: float) -> None:
        """See Link."""
        for each in self._links:
            each.throttle(bytes_per_s)

    def reset_after(self, n_bytes: int) -> None:
        """See Link; of each of them."""
        for each in self._links:
            each.reset_after(n_bytes)

    def lose_answers(self, matching: bytes, n: int) -> None:
        """See Link; of each of them."""
        for each in self._links:
            each.lose_answers(matching, n)

    def hang(self) -> None:
        """See Link."""
        for each in self._links:
            each.hang()

    def switch(self, target: int) -> None:
        """Brokers know their own clients' addresses: there is no other target."""
        raise NotImplementedError("a broker cannot stand in for another")


async def close(links: Links) -> None:
    """Close them all and forget them."""
    for each in links.values():
        await each.close()
    links.clear()
