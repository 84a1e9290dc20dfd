"""What an operator types while a fault is played: `juliu ...` beside the arena's servers."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import NamedTuple

from pydantic import SecretStr

from juliu.faults.arena import Arena

ANSWER_S = 120.0


class Said(NamedTuple):
    """How a command ended (-9: killed), and what it wrote."""

    code: int
    out: str
    err: str


async def typed(arena: Arena, *words: str, within_s: float = ANSWER_S, **environment: str) -> Said:
    """Run `juliu WORDS` until it ends.  Raises AssertionError where it does not within `within_s`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "juliu", *words, env=os.environ | settings_of(arena) | environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(within_s):
            out, err = await process.communicate()
    except TimeoutError:
        raise AssertionError(f"juliu {' '.join(words)} did not end within {within_s:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Said(process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace"))


def settings_of(arena: Arena) -> dict[str, str]:
    """The arena's settings as variables of the environment."""
    found = {"JULIU_HOME": str(arena.home.path)}
    for name, value in arena.settings:
        plain = value.get_secret_value() if isinstance(value, SecretStr) else value
        found[f"JULIU_{name.upper()}"] = str(plain)
    return found
