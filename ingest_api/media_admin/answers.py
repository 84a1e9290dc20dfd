"""Media jobs as the OpenAPI document shows them.  Times are Unix ms."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from domain.media.steps import JobState, Kind, Step, StepState
from domain.media.trouble import Failure
from infra.media.job import JobView, StepRow
from ingest_api.media_admin import examples
from ingest_api.media_admin.uploads import Upload


class StepAnswer(BaseModel):
    """A step of a job."""

    step: Step
    state: StepState
    attempt: int = Field(description="how often it has been begun in this round")
    due_ms: int | None = Field(description="ready: not before; leased: the worker's until then")
    progress_permille: int
    failure: Failure | None = Field(description="of the latest failed attempt: mend, again or give_up")
    reason: str
    text: str = Field(description="what a person should do")
    facts: dict[str, Any] = Field(description="what it found out or made")
    started_ms: int | None
    finished_ms: int | None
    cpu_ms: int

    @classmethod
    def of(cls, row: StepRow) -> StepAnswer:
        """The step as it is shown."""
        return cls.model_validate({name: value for name, value in row._asdict().items() if name in cls.model_fields})


class JobAnswer(BaseModel):
    """A job with its steps, in their order."""

    job_id: int
    kind: Kind
    drama_id: int
    episode_no: int
    source: str
    title: str
    wechat: bool
    state: JobState
    content_hash: str
    rounds: int = Field(description="how often a person has said: again")
    created_ms: int
    updated_ms: int
    steps: list[StepAnswer]

    @classmethod
    def of(cls, view: JobView) -> JobAnswer:
        """The job as it is shown."""
        return cls(**view.job._asdict(), steps=[StepAnswer.of(row) for row in view.steps])


class JobPage(BaseModel):
    """Jobs by id."""

    jobs: list[JobAnswer]
    next_after: int | None = Field(description="ask for the next page with it; none at the end")


class NewJobAnswer(BaseModel):
    """A job that was begun."""

    job_id: int


class UploadAnswer(BaseModel):
    """Where to send a file: `method` it to `address`; `key` is then the `source` of a job, or a paper of a dossier."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.UPLOADED]})

    key: str
    method: str
    address: str = Field(description="whole, or relative to this API")
    expires_ms: int

    @classmethod
    def of(cls, upload: Upload) -> UploadAnswer:
        """The address as it is told."""
        return cls(key=upload.key, method="PUT", address=upload.address, expires_ms=upload.expires_ms)


class BegunAnswer(BaseModel):
    """The job that does what was ordered."""

    model_config = ConfigDict(json_schema_extra={"examples": [examples.BEGUN]})

    job_id: int
    new: bool = Field(description="false: it was active already, from the same order")
