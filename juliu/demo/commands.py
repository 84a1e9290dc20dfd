"""Runs the commands that a person would type, as processes of their own."""

from __future__ import annotations

import subprocess
import sys

LONGEST_S = 900.0
TOLD = 2_000  # characters of what a failed command said


class CommandFailed(RuntimeError):
    """A step of the demo did not work; the message has what it said."""


def juliu(*arguments: str) -> str:
    """What `juliu ARGUMENTS` prints.  Raises CommandFailed."""
    called = f"juliu {' '.join(arguments)}"
    try:
        done = subprocess.run(  # noqa: S603 - our own command, arguments from our own code
            [sys.executable, "-m", "juliu", *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LONGEST_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"`{called}` did not end within {LONGEST_S:.0f} s") from error
    if done.returncode:
        raise CommandFailed(f"`{called}` ended with {done.returncode}:\n{(done.stderr or done.stdout)[-TOLD:]}")
    return done.stdout
