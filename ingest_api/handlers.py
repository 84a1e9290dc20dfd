"""Errors that FastAPI and Starlette raise, in our own form."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from ingest_api.errors import ApiError, BadRequest, MethodNotAllowed, NotFound, Unprocessable

BY_STATUS: dict[int, type[ApiError]] = {404: NotFound, 405: MethodNotAllowed, 422: Unprocessable}


def add(app: FastAPI) -> None:
    """Let the app answer them as it answers ApiError."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)


async def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    ours = BY_STATUS.get(error.status_code, BadRequest if error.status_code < 500 else ApiError)()
    return Response(ours.body(), error.status_code, dict(error.headers or {}), "application/json")


async def _validation(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(step) for step in first["loc"])
    return Response(Unprocessable(f"{where}: {first['msg']}").body(), 422, media_type="application/json")
