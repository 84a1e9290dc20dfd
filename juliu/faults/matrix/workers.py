"""Faults of the family `workers`."""

from __future__ import annotations

from juliu.faults.fault import Fault

FAULTS: tuple[Fault, ...] = ()
