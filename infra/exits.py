"""How a worker ends when it must not go on: one exit code a reason, for the supervisor and the operator.

0 is an orderly stop.  The supervisor starts the process again after any other, up to a limit with an alarm.
STORE_BROKEN, LOG_GONE, POISONED and MISCONFIGURED come back until a person has been there.
"""

from __future__ import annotations

import os
import sys
from typing import NoReturn, Protocol

from infra import logs

UNFORESEEN = 70  # what nobody thought of: no acknowledgement, no commit; the next process begins at the fences
LOG_GONE = 71  # the log does not hold the position that a fence asks for (retention, or a topic that was made anew)
STORE_BROKEN = 72  # what a store keeps cannot be read, or it went back (a missing fence is waited for)
POISONED = 73  # more poison than a few bad records explain: a bad deploy must not drain the topic into juliu.dead
STANDS_STILL = 74  # events wait behind a fence that does not move, and no store was waited for
SLEPT = 75  # stopped for longer than its session: another member has its partitions
MISCONFIGURED = 78  # another number of partitions, no topic, no `juliu migrate`

log = logs.get(__name__)


class End(Protocol):
    """Ends the process with a code; injected, so that a test can see it."""

    def __call__(self, code: int, event: str, **fields: object) -> NoReturn: ...


def end(code: int, event: str, **fields: object) -> NoReturn:
    """End this process at once, from any thread: nothing is acknowledged, the fences say where to go on."""
    log.critical(event, exit_code=code, **fields)
    sys.stderr.flush()
    os._exit(code)
