"""GET and PUT /v1/media/storage/{key} at signed addresses; where files are in a bucket, nobody is sent here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request, Response
from starlette.requests import ClientDisconnect

from domain.events import MAX_ID
from domain.media.names import KEY_BYTES
from domain.media.storage_address import PATH, Permission
from domain.media_address import SIGNATURE_LENGTH
from ingest_api.errors import BodyTimeout, ClientGone, MethodNotAllowed, Unprocessable
from ingest_api.openapi import refusals
from ingest_api.play.errors import BadAddress, MediaBusy, NoVideo, RangeNotThere
from ingest_api.storage.errors import StorageBusy, WrongSize
from ingest_api.storage.service import Storage

router = APIRouter(tags=["media"])

Key = Annotated[str, Path(max_length=KEY_BYTES)]
Size = Annotated[int, Query(ge=0, lt=MAX_ID)]
Expires = Annotated[int, Query(alias="expires", ge=0, lt=MAX_ID)]
Signature = Annotated[str, Query(min_length=SIGNATURE_LENGTH, max_length=SIGNATURE_LENGTH)]

BINARY = {"schema": {"type": "string", "format": "binary"}}
FILE: dict[int | str, dict[str, Any]] = {
    "200": {"description": "The file.", "content": {"*/*": BINARY}},
    "206": {"description": "The range that was asked for.", "content": {"*/*": BINARY}},
}
REFUSED = (BadAddress, NoVideo, MethodNotAllowed, Unprocessable, StorageBusy)


async def _parts(request: Request) -> AsyncIterator[bytes]:
    """The body as it comes.  Raises ClientGone."""
    try:
        async for part in request.stream():
            yield part
    except ClientDisconnect as error:
        raise ClientGone from error


async def _storage(request: Request) -> Storage:
    service: Storage = request.app.state.storage
    return service


Service = Annotated[Storage, Depends(_storage)]


@router.get(
    PATH + "/{key:path}", responses={**FILE, **refusals((*REFUSED, RangeNotThere, MediaBusy))}, response_class=Response
)
async def fetch(
    service: Service, *, key: Key, method: Literal["get"], size: Size, expires_s: Expires, signature: Signature
) -> Response:
    """The file at an address that was signed for fetching it: what a platform pulls."""
    return await service.get(Permission(method, key, expires_s, size), signature)


@router.put(
    PATH + "/{key:path}", status_code=204,
    responses=refusals((*REFUSED, WrongSize, BodyTimeout)), openapi_extra={"requestBody": {"content": {"*/*": BINARY}}},
)  # fmt: skip
async def put(
    service: Service,
    request: Request,
    *,
    key: Key,
    method: Literal["put"],
    size: Size,
    expires_s: Expires,
    signature: Signature,
) -> None:
    """Keep the body, as many bytes as the address was signed for; 204 when all of it is on disk."""
    await service.put(Permission(method, key, expires_s, size), signature, _parts(request))
