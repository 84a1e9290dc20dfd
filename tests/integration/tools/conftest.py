"""The world that the operator's tools are tried in."""

from __future__ import annotations

from tests.operator_world import world

__all__ = ["world"]
