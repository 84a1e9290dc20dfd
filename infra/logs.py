"""Structured logs: one JSON object a line on stderr; words with fields, never a secret, never a request's body."""

from __future__ import annotations

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, cast

import structlog

from infra.settings import Settings

FORBIDDEN = frozenset(
    {"token", "authorization", "secret", "password", "jwt_secret", "body", "ticket", "signature", "cookie"}
)
MAX_FIELD = 2_000  # characters of one text field: a log line is for people


def setup(process: str, settings: Settings) -> None:
    """Send everything this process logs, also what libraries log, to stderr as JSON lines that name `process`.

    Call it once, in the composition root, before anything logs.
    """
    before: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        without_secrets,
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _named(process),
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
            foreign_pre_chain=[*before, structlog.stdlib.ExtraAdder(), _without_colours],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level.upper())


def get(name: str) -> structlog.stdlib.BoundLogger:
    """A logger; safe at import, it is bound to the set-up at its first line."""
    return cast(structlog.stdlib.BoundLogger, structlog.get_logger(name))


def without_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A net under careless calls: fields with a forbidden name are hidden, long texts are cut."""
    for field, value in event.items():
        if field in FORBIDDEN:
            event[field] = "***"
        elif isinstance(value, str) and len(value) > MAX_FIELD and field != "exception":
            event[field] = value[:MAX_FIELD] + "…"
    return event


def _without_colours(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    event.pop("color_message", None)  # uvicorn says everything twice
    return event


def _named(process: str) -> structlog.types.Processor:
    def add(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event["process"] = process
        return event

    return add
