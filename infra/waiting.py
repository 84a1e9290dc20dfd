"""A pause that ends at once when the process is asked to end."""

from __future__ import annotations

import asyncio


async def set_within(stop: asyncio.Event, seconds: float) -> bool:
    """Wait so long, or until `stop` is set; whether it was."""
    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return False
    return True
