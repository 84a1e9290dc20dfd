"""`juliu api`: serve the API in the foreground."""

from __future__ import annotations

from typing import Annotated

import typer

from infra import logs
from infra.media.keys import NoSecret
from infra.settings import load
from ingest_api.auth import WeakSecret
from ingest_api.hls.segments import Nowhere, WeakCdnKey
from ingest_api.server import serve

MOST_WORKERS = 64
NOT_SET = (WeakSecret, NoSecret, WeakCdnKey, Nowhere)  # each says what to set


def api(
    workers: Annotated[int, typer.Option(min=1, max=MOST_WORKERS, help="processes that share the port")] = 1,
) -> None:
    """Serve the API at JULIU_API_HOST:JULIU_API_PORT until SIGTERM or Ctrl-C."""
    settings = load()
    logs.setup("api", settings)
    try:
        serve(settings, workers)
    except NOT_SET as error:
        typer.echo(f"juliu api: {error}", err=True)
        raise typer.Exit(2) from error
