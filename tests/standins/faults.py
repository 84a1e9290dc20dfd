"""What goes wrong at a stand-in: planned for one request, or by chance with a seed.

faults.plan("cut", "PUT", "partNumber=3")       # the third part is cut on its way in, once
faults.rates = {"refuse": 0.1, "lose": 0.05}    # one request in ten is refused, one in twenty loses its answer
"""

from __future__ import annotations

import threading
from random import Random
from typing import Literal

Fault = Literal["", "refuse", "cut", "lose", "truncate"]
KINDS = ("refuse", "cut", "lose", "truncate")


class Faults:
    """refuse: 503, nothing is done.  cut: the connection ends amid the request's body, nothing is done.

    lose: it is done, and the connection ends without an answer.  truncate: the answer ends in its middle.
    """

    def __init__(self, seed: int = 0) -> None:
        self.rates: dict[str, float] = {}
        self.met: list[tuple[str, str]] = []
        self._random, self._lock = Random(seed), threading.Lock()
        self._planned: list[tuple[Fault, str, str]] = []

    def plan(self, fault: Fault, method: str, part: str, times: int = 1) -> None:
        """At the next requests with this method whose address has `part` in it."""
        with self._lock:
            self._planned += [(fault, method, part)] * times

    def off(self) -> None:
        """From now on all goes well."""
        with self._lock:
            self._planned, self.rates = [], {}

    def draw(self, method: str, address: str) -> Fault:
        """What befalls this request."""
        with self._lock:
            fault = self._due(method, address) or self._chance()
            if fault:
                self.met.append((fault, f"{method} {address}"))
            return fault

    def _due(self, method: str, address: str) -> Fault:
        for planned in self._planned:
            if planned[1] == method and planned[2] in address:
                self._planned.remove(planned)
                return planned[0]
        return ""

    def _chance(self) -> Fault:
        drawn = self._random.random()
        for kind in KINDS:
            drawn -= self.rates.get(kind, 0.0)
            if drawn < 0:
                return kind  # type: ignore[return-value]
        return ""
