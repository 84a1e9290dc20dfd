"""The end of a process as a test sees it: in place of infra.exits.end, which would end this one."""

from __future__ import annotations

from typing import NoReturn


class Ended(BaseException):
    """The process ended with this code.  No Exception, so that no worker can catch it."""

    def __init__(self, code: int, event: str = "", **fields: object) -> None:
        super().__init__(code)  # nothing else, so that `match` finds no number of `fields`
        self.event, self.fields = event, fields


def ends(code: int, event: str, **fields: object) -> NoReturn:
    """See exits.End."""
    raise Ended(code, event, **fields)
