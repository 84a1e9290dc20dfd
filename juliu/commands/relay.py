"""`juliu relay`: the outbox relay, in the foreground, until SIGTERM."""

from __future__ import annotations

from infra.settings import load
from streams.relay import process


def relay() -> None:
    """Send what unlocks wrote into the outbox to juliu.events; several relays share the work by leases."""
    process.main(load())
