"""The ports of one checkout: chosen free at the first start, remembered, moved only when somebody else took one."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Callable, Mapping, Sequence

from infra.local.errors import StackError
from infra.local.files import write_whole
from infra.local.home import HOST, Home

# Below the kernel's usual ephemeral range (32768 and up): no outgoing connection sits on ours while we are down.
FIRST, LAST = 18_000, 30_000
NAMES = (
    "kafka", "kafka-controller", "clickhouse", "redis", "mysql", "api", "relay", "stream-counters", "stream-store",
    "schedule", "media",
)  # fmt: skip
_TRIES = 500


def is_free(port: int) -> bool:
    """True when a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def choose(
    remembered: Mapping[str, int], free: Callable[[int], bool], rng: random.Random, names: Sequence[str] = NAMES
) -> tuple[dict[str, int], list[str]]:
    """A port for every one of `names`: the remembered one where it is free, else a new one.

    Returns the ports and the names whose remembered port was taken.  Raises StackError when no port can be found.
    """
    ports: dict[str, int] = {}
    moved = [name for name, port in remembered.items() if name in names and not free(port)]
    for name in names:
        kept = remembered.get(name)
        ports[name] = kept if kept and name not in moved else _new(free, {*ports.values(), *remembered.values()}, rng)
    return ports, moved


def _new(free: Callable[[int], bool], used: set[int], rng: random.Random) -> int:
    for _ in range(_TRIES):
        port = rng.randrange(FIRST, LAST)
        if port not in used and free(port):
            return port
    raise StackError(f"no free port between {FIRST} and {LAST} on {HOST}: end what listens there (`ss -ltnp` lists it)")


def recall(home: Home) -> dict[str, int]:
    """The remembered ports; empty before the first start.  Raises StackError when the file cannot be read."""
    try:
        ports = json.loads(home.ports.read_text(encoding="utf-8"))["ports"]
        return {str(name): int(port) for name, port in ports.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StackError(f"{home.ports} is damaged ({error}): remove it, and new ports are chosen") from error


def settle(home: Home, names: Sequence[str] = NAMES) -> tuple[dict[str, int], list[str]]:
    """Choose and remember the ports of this home, which must not be running.  Returns them and the names that moved."""
    ports, moved = choose(recall(home), is_free, random.Random(), names)  # noqa: S311  a port is no secret
    write_whole(home.ports, json.dumps({"format": 1, "ports": ports}, indent=1) + "\n")
    return ports, moved
