"""More dead letters than the budget, for a while: a person has looked, and the garbage must pass."""

from __future__ import annotations

import redis

from domain import keys
from infra.namespaces import GROUPS

MOST, LONGEST_S = 1_000_000, 86_400


def allow(client: redis.Redis, letters: int, seconds: int, group: str = "") -> list[str]:
    """Let this group (or both) bury so many letters above its budget, for so long; which groups.  0 takes it back.

    Raises ValueError for a group that is none, redis.RedisError.
    """
    if group and group not in GROUPS:
        raise ValueError(f"no such group: {group}; there are {', '.join(GROUPS)}")
    names = [group] if group else list(GROUPS)
    for name in names:
        if letters:
            client.set(keys.poison_allowed(name), letters, ex=seconds)
        else:
            client.delete(keys.poison_allowed(name))
    return names
