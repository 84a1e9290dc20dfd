"""A publisher that dies at a chosen write, whatever it publishes to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar


class Crash(Exception):
    """The publisher's process ended here."""


class Breaking:
    """A store on which the publisher dies: just before its `at`th write (counted from 1), or just after it."""

    WRITES: ClassVar[frozenset[str]] = frozenset()  # the store's methods that write: a subclass names them

    def __init__(self, store: object, at: int, *, after: bool) -> None:
        self._store = store
        self._left = at
        self._after = after

    @property
    def broke(self) -> bool:
        """Whether there was such a write."""
        return self._left <= 0

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._store, name)
        return self._breaking(call) if name in self.WRITES else call

    def _breaking(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def write(*arguments: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._after:
                raise Crash
            answer = call(*arguments)
            if self._left == 0:
                raise Crash
            return answer

        return write
