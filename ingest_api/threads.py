"""The way from async code to calls that block, as those to MySQL do: few threads, a short queue, a deadline.

anyio's limiter lets go of its place when a caller stops waiting, though the call goes on, so a MySQL that hangs would
be given ever more threads.  Here a place is free again when its call has ended, not when its caller has gone.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, TypeVar

from infra.metrics import THREADS_INSIDE
from ingest_api.errors import Unavailable

T = TypeVar("T")


class Threads:
    """At most `at_once` calls run, at most `waiting` more wait for their turn, and no caller waits past `within_s`.

    What does not fit in, or does not answer in time, is `busy`.  A call that was begun is not stopped: it ends by the
    bounds of its own (of an engine: its statements' answer_s), and its answer is forgotten.
    """

    def __init__(
        self, name: str, busy: type[Unavailable], at_once: int = 8, waiting: int = 256, within_s: float = 5.0
    ) -> None:
        self._busy = busy
        self._within_s = within_s
        self._places = threading.BoundedSemaphore(at_once + waiting)
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix=name)
        self._inside = THREADS_INSIDE.labels(name)

    async def run(self, call: Callable[[], T]) -> T:
        """The answer of `call` (functools.partial hands over arguments), or its error.  Raises `busy`."""
        one = _Call(call, asyncio.get_running_loop(), self._left)
        if not self._places.acquire(blocking=False):
            raise self._busy
        self._inside.inc()
        try:
            self._pool.submit(one)
        except RuntimeError as error:  # closed
            self._left()
            raise self._busy from error
        try:
            async with asyncio.timeout(self._within_s) as deadline:
                return await one.answer
        except TimeoutError as error:
            if not deadline.expired():  # the call's own
                raise
            raise self._busy from error

    async def close(self) -> None:
        """Wait for what runs; what waits, and what still comes, is `busy`."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    def _left(self) -> None:
        self._inside.dec()
        self._places.release()


class _Call(Generic[T]):
    """One call: made in a thread, unless nobody waits for it any more; answered in the loop."""

    def __init__(self, call: Callable[[], T], loop: asyncio.AbstractEventLoop, left: Callable[[], None]) -> None:
        self.answer: asyncio.Future[T] = loop.create_future()
        self._call = call
        self._loop = loop
        self._left = left

    def __call__(self) -> None:
        try:
            if not self.answer.done():
                self._tell(*self._outcome())
        finally:
            self._left()

    def _outcome(self) -> tuple[T | None, BaseException | None]:
        try:
            return self._call(), None
        except BaseException as error:  # it belongs to the caller, whatever it is
            return None, error

    def _tell(self, value: T | None, error: BaseException | None) -> None:
        with suppress(RuntimeError):  # the loop has ended, and with it who asked
            self._loop.call_soon_threadsafe(self._settle, value, error)

    def _settle(self, value: T | None, error: BaseException | None) -> None:
        if self.answer.done():
            return
        if error is None:
            self.answer.set_result(value)  # type: ignore[arg-type]
        else:
            self.answer.set_exception(error)
