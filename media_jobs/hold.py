"""One lease while its step is worked on: a thread renews it, and whoever works learns here that it must stop.

    with Hold(jobs, leased, stop, room) as hold:
        facts = body(context_with(watch=hold), leased)     # hold.progress() raises what ends the work

We believe in our lease only as long as MySQL has said so: once its life has passed since the last renewal was asked
for, it is lost, whatever became of the question.  So a process that slept, or that hears nothing, stops by itself.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType

from domain.media.trouble import Cancelled, LeaseLost
from infra import logs
from infra.fold_store import Wait
from infra.media.job import Leased
from infra.media.port import Jobs

RENEWALS = 3  # in the life of a lease: two may fail before another worker comes

log = logs.get(__name__)


class Stopping(Exception):
    """This process is asked to end: the step goes back into the queue as it is."""


class Hold:
    """A lease that is held, and the Watch of who works under it.

    `room` is asked with every renewal and raises where the work has grown too large: that ends it too.
    `clock` is monotonic, in seconds; `taken` is what it said when the lease was asked for.
    """

    def __init__(
        self,
        jobs: Jobs,
        leased: Leased,
        stop: threading.Event,
        *,
        room: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        taken: float | None = None,
    ) -> None:
        self._jobs, self._leased, self._stop, self._room, self._clock = jobs, leased, stop, room, clock
        self._good_from = clock() if taken is None else taken
        self._life_s = leased.life_ms / 1000
        self._permille = 0
        self._over: Exception | None = None
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hold", daemon=True)
        self.beat = clock()

    def __enter__(self) -> Hold:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Renewals end.  One that MySQL does not answer is not waited for: it can only lengthen what we give up."""
        self._done.set()
        self._thread.join(self._life_s)

    def progress(self, permille: int) -> None:
        """See Watch; also Stopping, and what `room` has raised."""
        self._permille = max(self._permille, min(1000, permille))
        self.beat = self._clock()
        self.check()
        if self._stop.is_set():
            raise Stopping

    def check(self) -> None:
        """Raises where nothing may be done under this lease any more; that the process is to end is no reason."""
        if self._over is not None:
            raise self._over
        self.held()

    def held(self) -> None:
        """Raises LeaseLost, Cancelled where it is not ours any more: for who has only to tell how it ended."""
        if isinstance(self._over, LeaseLost):
            raise self._over
        if self._clock() - self._good_from >= self._life_s:
            raise LeaseLost(f"not renewed for {self._life_s} s")

    def renew(self) -> None:
        """Once; whatever ends the work is kept for who works."""
        asked = self._clock()
        try:
            standing = self._jobs.renew(self._leased, self._permille)
            self._room()
        except Wait as error:
            log.warning("lease not renewed", job=self._leased.job_id, step=self._leased.step, error=str(error)[:300])
        except Exception as error:
            self._end(error)
        else:
            self._good_from = asked
            if standing.cancelled:
                self._end(Cancelled(f"job {self._leased.job_id} was cancelled"))

    def _end(self, error: Exception) -> None:
        self._over = self._over or error

    def _run(self) -> None:
        while self._over is None and not self._done.wait(self._life_s / RENEWALS):
            self.renew()
