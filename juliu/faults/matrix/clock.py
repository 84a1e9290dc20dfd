"""Faults of the family `clock`."""

from __future__ import annotations

from juliu.faults.fault import Fault

FAULTS: tuple[Fault, ...] = ()
