"""Which leases a relay takes: every shard has an owner soon, and no relay has two more than another for long."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from streams.relay.outbox import Lease


def mine(leases: Sequence[Lease], me: str) -> list[int]:
    """The shards that `me` has now, ascending."""
    return [lease.shard for lease in leases if lease.owner == me and lease.left_ms > 0]


def wanted(leases: Sequence[Lease], me: str) -> list[Lease]:
    """The leases that `me` takes next: first those that nobody has, then from whoever has most, down to equal shares.

    Relays know of each other by what they have.  A relay that has nothing yet so makes itself known by taking: a lease
    may be taken from its owner, because what both send until the owner hears of it is dropped by the windows.
    """
    owned = Counter({me: 0})
    owned.update(lease.owner for lease in leases if lease.left_ms > 0)
    least, most = len(leases) // len(owned), -(-len(leases) // len(owned))
    free = [lease for lease in leases if lease.left_ms <= 0][: max(0, most - owned[me])]
    short = least - owned[me] - len(free)
    return free + _from_the_richest(leases, owned, me, least, max(0, short))


def _from_the_richest(leases: Sequence[Lease], owned: Counter[str], me: str, least: int, count: int) -> list[Lease]:
    """`count` leases of others, of whoever has most at each step, and never below `least`."""
    left, taken = Counter({owner: n for owner, n in owned.items() if owner != me}), list[Lease]()
    by_owner = {owner: [lease for lease in leases if lease.owner == owner and lease.left_ms > 0] for owner in left}
    for _ in range(count):
        richest, n = max(left.items(), key=lambda item: (item[1], item[0]), default=("", 0))
        if n <= least:
            break
        taken.append(by_owner[richest].pop())
        left[richest] -= 1
    return taken
