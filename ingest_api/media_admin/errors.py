"""Why a media job is not begun or not changed."""

from __future__ import annotations

import msgspec

from ingest_api.errors import ApiError, ErrorBody, ErrorDetail, NotFound, Unavailable, Unprocessable


class JobBody(ErrorBody, frozen=True):
    """The body of a 409: which job is in the way."""

    job_id: int


class JobInTheWay(ApiError):
    """Another job of this episode or drama is in the way."""

    status, code = 409, "job_in_the_way"
    body_type = JobBody

    def __init__(self, job_id: int = 1) -> None:
        super().__init__()
        self._job_id = job_id

    def body(self) -> bytes:
        return msgspec.json.encode(JobBody(ErrorDetail(self.code, self.message), self._job_id))


class JobActive(JobInTheWay):
    """There is an active job of this episode or drama: wait for it, or cancel it."""

    code = "job_active"


class JobDone(JobInTheWay):
    """A job has done this very file for this episode; send `again` to do it anyway."""

    code = "job_done"


class JobNotNow(ApiError):
    """Not as the job stands: what ended is not cancelled; what is done, active or ended long ago is submitted anew."""

    status, code = 409, "job_not_now"


class UnknownJob(NotFound):
    """There is no such job."""

    code = "unknown_job"


class MissingBody(ErrorBody, frozen=True):
    """The body of a 409: what is lacking, a sentence each."""

    missing: list[str]


class DramaIncomplete(ApiError):
    """Nothing is published: something is missing, the record number or its tick perhaps; `missing` says what."""

    status, code = 409, "drama_incomplete"
    body_type = MissingBody

    def __init__(self, missing: list[str] | None = None) -> None:
        super().__init__()
        self._missing = missing or ["the poster (cover)"]

    def body(self) -> bytes:
        return msgspec.json.encode(MissingBody(ErrorDetail(self.code, self.message), self._missing))


class OtherRecordNumber(ApiError):
    """That is not the record number that was handed in: look at the opening again, and at the dossier."""

    status, code = 409, "other_record_number"


class DossierChanged(ApiError):
    """Somebody mended the dossier since you saw it: GET the drama, mend that, and send its `version` as `seen`."""

    status, code = 409, "dossier_changed"


class NothingToReplace(ApiError):
    """WeChat has no new file of this episode: send one as `source`, and ask again when its job is done."""

    status, code = 409, "nothing_to_replace"


class NeedsRecall(ApiError):
    """Viewers may watch some of these episodes now, and some have paid: POST .../releases/recall takes them back."""

    status, code = 409, "needs_recall"


class NothingHandedIn(NotFound):
    """Nothing was handed in for this drama: PUT its dossier first."""

    code = "nothing_handed_in"


class NoCandidates(NotFound):
    """The episode plays nothing that a media job made, so there is no poster to choose."""

    code = "no_candidates"


class NotUploaded(Unprocessable):
    """The source of an episode is a key that POST /v1/admin/media/uploads gave for this episode."""

    code = "not_uploaded"


class NoStorage(NotFound):
    """No storage is set: JULIU_MEDIA_ROOT, or the bucket of the engine cos."""

    code = "no_storage"


class JobsUnavailable(Unavailable):
    """Media jobs cannot be read or changed now; send the same again after Retry-After."""

    code = "jobs_unavailable"
