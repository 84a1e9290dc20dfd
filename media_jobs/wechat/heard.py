"""How a step talks to WeChat: with an account that is set, and answers turned into what a step says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from domain.media.trouble import Failure, Later, StepFailed
from media_jobs.context import StepContext
from media_jobs.wechat.answers import ANSWERS, NotSent, Refused, TooFast, Unclear, meant
from media_jobs.wechat.platform import Platform

LOOKS = 5  # times that something is looked for after an unclear answer, before it is done again
LOOK_S = 120.0
CLOCK_S = 60  # how far WeChat's clock may be behind ours


def platform(context: StepContext) -> Platform:
    """WeChat's side of this worker.  Raises StepFailed where no account is set."""
    if context.platform is None:
        text = "Set JULIU_WECHAT_APPID and JULIU_WECHAT_SECRET, then `juliu media retry`."
        raise StepFailed(Failure.MEND, "wechat_not_set", text)
    return context.platform


@contextmanager
def heard() -> Iterator[None]:
    """Turns WeChat's answers into StepFailed or Later."""
    try:
        yield
    except ANSWERS as error:
        raise meant(error) from error


@contextmanager
def sending(undone: Callable[[], None]) -> Iterator[None]:
    """Around a call that nobody can take back and that was noted: without an answer it is looked up later.

    Where nothing was done, `undone` notes so.
    """
    try:
        yield
    except Unclear:
        raise Later(LOOK_S) from None
    except (Refused, NotSent, TooFast):
        undone()
        raise
