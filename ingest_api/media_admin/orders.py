"""What staff ask of media jobs: small JSON bodies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from fastapi import Request

from domain.events import MAX_ID
from domain.media.limits import Limits
from domain.media.wechat_drama import MAX_NUMBER, MAX_PAPER, Papers
from infra.media.job import MAX_EPISODE, MAX_SOURCE, MAX_TITLE
from ingest_api.errors import UnsupportedEncoding
from ingest_api.events.body import is_gzip
from ingest_api.small_body import decoded, received

T = TypeVar("T")
MAX_BYTES = 8_192
MAX_PAPERS = 65_536  # bytes of a dossier: some texts of hundred characters, twenty keys
MAX_NAME = 255  # of a file, in characters

DramaId = Annotated[int, msgspec.Meta(ge=1, lt=MAX_ID)]
EpisodeNo = Annotated[int, msgspec.Meta(ge=1, le=MAX_EPISODE)]
Source = Annotated[str, msgspec.Meta(max_length=MAX_SOURCE)]
ContentHash = Annotated[str, msgspec.Meta(pattern=r"^([0-9a-f]{64})?$")]
FileName = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]


class NewJob(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A job that makes a file an episode.  `source`: the `key` of an upload; `title`: empty: the catalogue's.

    `content_hash`: SHA-256 of the file in hex; who tells it is told which job has done this very file already.
    What is done with a whole drama, and replacing an episode of it, is ordered below /v1/admin/media/dramas.
    """

    drama_id: DramaId
    episode_no: EpisodeNo
    kind: Literal["episode"] = "episode"
    source: Source = ""
    title: Annotated[str, msgspec.Meta(max_length=MAX_TITLE)] = ""
    wechat: bool = False
    content_hash: ContentHash = ""
    again: bool = False


class NewUpload(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file that a browser is about to send, `size` bytes of it."""

    drama_id: DramaId
    episode_no: EpisodeNo
    name: FileName
    size: Annotated[int, msgspec.Meta(ge=1, le=Limits().file_bytes)]


class NewPaper(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A picture that a dossier is to name, JPG or PNG."""

    name: FileName
    size: Annotated[int, msgspec.Meta(ge=1, le=MAX_PAPER)]


class NewPapers(Papers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is handed in for a drama; what is not said is empty.  Files are keys of the drama's uploads."""


class RecordNumber(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record number (备案号): as the regulator gave it, or as the opening shows it."""

    record_number: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NUMBER)]


class Replacement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What takes an episode's place: `source`, an upload's `key`, goes to WeChat first; empty: what WeChat has got."""

    source: Source = ""
    content_hash: ContentHash = ""


class PosterNumber(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A poster candidate, as the list of them numbers it."""

    number: Annotated[int, msgspec.Meta(ge=0, le=9)]


def body(kind: type[T], most: int = MAX_BYTES, *, empty: bytes = b"") -> Callable[[Request], Awaitable[T]]:
    """A FastAPI dependency: the body, at most `most` bytes.  `empty` stands for a body of none.

    Raises the errors that tell what is wrong with it.
    """
    decode = msgspec.json.Decoder(kind).decode

    async def read(request: Request) -> T:
        if is_gzip(dict(request.headers.raw)):
            raise UnsupportedEncoding("send the body plain")
        return decoded(decode, await received(request, most) or empty)

    return read


def document(kind: type[msgspec.Struct], example: Mapping[str, Any], *, required: bool = True) -> dict[str, Any]:
    """What FastAPI cannot see of the body, for the OpenAPI document."""
    _, schemas = msgspec.json.schema_components([kind])
    schema = _whole(schemas[kind.__name__], schemas)
    content = {"application/json": {"schema": schema, "example": example}}
    return {"requestBody": {"required": required, "content": content}}


def _whole(part: Any, schemas: Mapping[str, Any]) -> Any:
    """A schema with what it refers to in its place."""
    if isinstance(part, dict):
        if "$ref" in part:
            return _whole(schemas[part["$ref"].rpartition("/")[2]], schemas)
        return {name: _whole(its, schemas) for name, its in part.items()}
    return [_whole(each, schemas) for each in part] if isinstance(part, list) else part
