"""What staff ask of media jobs: small JSON bodies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Request

from domain.events import MAX_ID
from domain.media.limits import Limits
from domain.media.steps import Kind
from infra.media.job import MAX_EPISODE, MAX_SOURCE, MAX_TITLE
from ingest_api.errors import UnsupportedEncoding
from ingest_api.events.body import is_gzip
from ingest_api.small_body import decoded, received

T = TypeVar("T")
MAX_BYTES = 8_192
MAX_NAME = 255  # of a file, in characters

DramaId = Annotated[int, msgspec.Meta(ge=1, lt=MAX_ID)]
EpisodeNo = Annotated[int, msgspec.Meta(ge=0, le=MAX_EPISODE)]


class NewJob(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A job to begin.  `episode_no`: 0 for a drama; `source`: the `key` of an upload, empty for a drama.

    `content_hash`: SHA-256 of the file in hex; who tells it is told which job has done this very file already.
    """

    kind: Kind
    drama_id: DramaId
    episode_no: EpisodeNo = 0
    source: Annotated[str, msgspec.Meta(max_length=MAX_SOURCE)] = ""
    title: Annotated[str, msgspec.Meta(max_length=MAX_TITLE)] = ""
    wechat: bool = False
    content_hash: Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?$")] = ""
    again: bool = False


class NewUpload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that a browser is about to send, `size` bytes of it."""

    drama_id: DramaId
    episode_no: Annotated[int, msgspec.Meta(ge=1, le=MAX_EPISODE)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
    size: Annotated[int, msgspec.Meta(ge=1, le=Limits().file_bytes)]


_job, _upload = msgspec.json.Decoder(NewJob).decode, msgspec.json.Decoder(NewUpload).decode


async def new_job(request: Request) -> NewJob:
    """FastAPI dependency: the body.  Raises the errors that tell what is wrong with it."""
    return await _body(request, _job)


async def new_upload(request: Request) -> NewUpload:
    """FastAPI dependency: the same."""
    return await _body(request, _upload)


async def _body(request: Request, decode: Callable[[bytes], T]) -> T:
    if is_gzip(dict(request.headers.raw)):
        raise UnsupportedEncoding("send the body plain")
    return decoded(decode, await received(request, MAX_BYTES))


def document(kind: type[NewJob | NewUpload]) -> dict[str, Any]:
    """What FastAPI cannot see of the body, for the OpenAPI document."""
    _, schemas = msgspec.json.schema_components([kind])
    schema = schemas[kind.__name__]
    for name, its in schema["properties"].items():
        if "$ref" in its:
            schema["properties"][name] = schemas[its["$ref"].rpartition("/")[2]]
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
