"""The faults by family, each module with its FAULTS; what is not done, and why."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cache

from juliu.faults.fault import Fault

FAMILIES = ("workers", "servers", "brokers", "network", "input", "clock", "rebuilds", "deploys", "setup")

NOT_DONE: Mapping[str, str] = {
    "F18": "there is no spool: the API answers 503 and the client keeps its events",
    "F37": "payments come later; unlocks are tortured by tests/faults/test_unlock_faults.py",
}


@cache
def faults() -> dict[str, Fault]:
    """All faults by name, in the order of the matrix."""
    found = [fault for family in FAMILIES for fault in importlib.import_module(f"{__name__}.{family}").FAULTS]
    return {fault.name: fault for fault in sorted(found, key=lambda fault: int(fault.name[1:]))}
