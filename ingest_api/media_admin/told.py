"""What the queue and the book of dramas raise, as the API says it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from infra.fold_store import Wait
from infra.media import drama_book, drama_desk
from infra.media import job as jobs_said
from infra.media.transaction import NotMigrated
from ingest_api.errors import Unprocessable
from ingest_api.media_admin.errors import (
    DramaIncomplete,
    JobActive,
    JobDone,
    JobNotNow,
    JobsUnavailable,
    NothingHandedIn,
    NothingToReplace,
    OtherRecordNumber,
    UnknownJob,
)

T = TypeVar("T")


def told(call: Callable[[], T]) -> T:
    """The call's answer, or its error as ours; it blocks."""
    try:
        return call()
    except (Wait, NotMigrated) as error:
        raise JobsUnavailable from error
    except (jobs_said.AlreadyActive, jobs_said.AlreadyDone, jobs_said.UnknownJob, jobs_said.NotNow) as error:
        raise _of_job(error) from error
    except drama_book.UnknownDrama as error:
        raise NothingHandedIn from error
    except drama_desk.Incomplete as error:
        raise DramaIncomplete(list(error.missing)) from error
    except drama_desk.NothingToReplace as error:
        raise NothingToReplace from error
    except drama_book.OtherNumber as error:
        raise OtherRecordNumber from error
    except ValueError as error:
        raise Unprocessable(str(error)) from error


def _of_job(error: Exception) -> Exception:
    match error:
        case jobs_said.AlreadyActive():
            return JobActive(error.job_id)
        case jobs_said.AlreadyDone():
            return JobDone(error.job_id)
        case jobs_said.UnknownJob():
            return UnknownJob()
    return JobNotNow()
