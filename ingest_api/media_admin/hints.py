"""What CI's callbacks are worth: they are not signed, come twice or never, so they only say where to look again.

The secret in their address keeps strangers from making the worker ask; nothing that they say is believed.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator
from typing import NamedTuple

from domain.media.steps import Step

MAX_BYTES = 262_144  # a TaskFinish with its MediaInfo is a few KB
MOST = 16  # steps that one callback may wake
SHORTEST_SECRET = 24

_TASK = re.compile(rb"juliu:([0-9]{1,18}):[0-9]{1,18}:[0-9]{1,9}:[0-9a-f]{12}:([a-z_]{1,16}):")  # UserData


class Hint(NamedTuple):
    """A step of a job that may have got what it waits for."""

    job_id: int
    step: Step


def hints(body: bytes) -> list[Hint]:
    """The steps that a callback names, in JSON or XML, each once; empty where it names none."""
    return list(dict.fromkeys(_named(body)))[:MOST]


def secret_of(callback_url: str) -> str:
    """The last part of JULIU_CI_CALLBACK_URL; empty, which no callback has, where that is too short to be a secret."""
    last = callback_url.rpartition("/")[2]
    return last if len(last) >= SHORTEST_SECRET else ""


def genuine(secret: str, given: str) -> bool:
    """Whether a callback came to the address that we told CI."""
    return bool(secret) and hmac.compare_digest(secret.encode(), given.encode("utf-8", "replace"))


def _named(body: bytes) -> Iterator[Hint]:
    steps = {step.value: step for step in Step}
    for found in _TASK.finditer(body):
        if step := steps.get(found[2].decode()):
            yield Hint(int(found[1]), step)
