"""A verdict as a step says it: what rejects ends the job for people to mend, what warns is kept with its facts."""

from __future__ import annotations

from collections.abc import Sequence

from domain.media.trouble import Failure, StepFailed
from domain.media.verdict import Reason

MAX_WARNINGS, MAX_CHARACTERS = 50, 300


def refuse(reasons: Sequence[Reason]) -> list[dict[str, str]]:
    """The warnings, as JSON.  Raises StepFailed(MEND) by the first reason that rejects, with the texts of all."""
    against = [reason for reason in reasons if reason.rejects]
    if against:
        raise StepFailed(Failure.MEND, against[0].code, " ".join(reason.text for reason in against))
    return [{"code": reason.code.value, "text": reason.text[:MAX_CHARACTERS]} for reason in reasons[:MAX_WARNINGS]]
