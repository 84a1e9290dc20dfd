"""What a fault is: a name, the world that it needs, and what is done to that world while events flow."""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from juliu.faults.arena import Arena
    from juliu.faults.load import Load


@dataclass(frozen=True)
class World:
    """What is started before the load: one of each process and server, unless it says otherwise."""

    brokers: int = 1  # 3: replication 3, min ISR 2
    apis: int = 1
    workers: int = 1  # of each group
    relay: bool = False
    linked: bool = False  # processes reach their servers through links that can be cut (juliu.faults.links)
    replica: bool = False  # a second Redis follows the first
    small_disk: str = ""  # the server whose data lies on a small disk
    environment: Mapping[str, str] = field(default_factory=dict)  # of our processes


@dataclass
class Scene:
    """One fault while it is played: what it may touch."""

    arena: Arena
    load: Load
    rnd: random.Random  # seeded: the same seed chooses the same instants
    notes: dict[str, Any] = field(default_factory=dict)  # what else was measured; goes into the result
    healed_at: float = 0.0  # monotonic
    times: int = 0  # that it was healed; a fault that never happened proves nothing

    def healed(self) -> None:
        """What was broken is whole again, or was killed and is being started again: recovery is measured from here."""
        self.healed_at, self.times = time.monotonic(), self.times + 1


Inject = Callable[[Scene], Awaitable[None]]


@dataclass(frozen=True)
class Fault:
    """F<n> of the matrix (docs/faults.md).

    `inject` runs beside the load and returns when everything is healed; its docstring is what the page says.
    `after` runs when all is quiet, before the check.  AssertionError from either: the fault's own promise is broken.
    `traffic` are the shares that differ from the usual mix (juliu.faults.traffic.Mix).
    """

    name: str
    title: str
    inject: Inject
    world: World = World()
    traffic: Mapping[str, float] = field(default_factory=dict)
    after: Inject | None = None
    seconds: float = 600.0  # bound of the whole run
