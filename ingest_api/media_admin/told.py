"""What the queue, the book of dramas, the posters and release times raise, as the API says it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from domain import releases
from infra.catalogue import media as catalogue
from infra.catalogue import posters, takedown
from infra.fold_store import Wait
from infra.media import drama_book, drama_desk, job
from infra.media.transaction import NotMigrated
from ingest_api import errors
from ingest_api.media_admin.errors import (
    DossierChanged,
    DramaIncomplete,
    JobActive,
    JobDone,
    JobNotNow,
    JobsUnavailable,
    NeedsRecall,
    NoCandidates,
    NothingHandedIn,
    NothingToReplace,
    OtherRecordNumber,
    UnknownJob,
)

T = TypeVar("T")

_OURS: Mapping[type[Exception], Callable[[Any], errors.ApiError]] = {  # what is more special stands first
    Wait: lambda _: JobsUnavailable(),
    NotMigrated: lambda _: JobsUnavailable(),
    job.AlreadyActive: lambda error: JobActive(error.job_id),
    job.AlreadyDone: lambda error: JobDone(error.job_id),
    job.UnknownJob: lambda _: UnknownJob(),
    job.NotNow: lambda _: JobNotNow(),
    catalogue.UnknownEpisode: lambda _: errors.UnknownEpisode(),
    posters.NoCandidates: lambda _: NoCandidates(),
    posters.NoSuchCandidate: lambda error: errors.Unprocessable(str(error)),
    drama_book.UnknownDrama: lambda _: NothingHandedIn(),
    drama_book.OtherNumber: lambda _: OtherRecordNumber(),
    drama_book.ChangedMeanwhile: lambda _: DossierChanged(),
    drama_desk.Incomplete: lambda error: DramaIncomplete(list(error.missing)),
    drama_desk.NothingToReplace: lambda _: NothingToReplace(),
    takedown.UnknownDrama: lambda _: errors.UnknownDrama(),
    releases.NeedsRecall: lambda error: NeedsRecall(str(error)),
    ValueError: lambda error: errors.Unprocessable(str(error)),
}


def told(call: Callable[[], T]) -> T:
    """The call's answer, or its error as ours; it blocks."""
    try:
        return call()
    except tuple(_OURS) as error:
        raise next(ours for theirs, ours in _OURS.items() if isinstance(error, theirs))(error) from error
