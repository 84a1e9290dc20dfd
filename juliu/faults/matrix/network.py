"""Faults of the family `network`."""

from __future__ import annotations

from juliu.faults.fault import Fault

FAULTS: tuple[Fault, ...] = ()
