"""Empties the local stack, so that a second demo is like the first, and refuses wherever else the settings point."""

from __future__ import annotations

import shutil
from collections.abc import Callable

from pydantic import SecretStr

from infra.local import local_env, stack
from infra.local.home import Home
from infra.settings import Settings

SERVERS = ("kafka", "redis_url", "clickhouse_url", "mysql_url")


class NotTheLocalStack(RuntimeError):
    """The settings point to other servers; the demo would empty nothing there and must not write there."""


def empty(home: Home, say: Callable[[str], None]) -> None:
    """Stop the local stack and remove its data.  Ports, secrets and logs stay."""
    stack.down(home, say)
    data = home.data("")
    if data.exists():
        shutil.rmtree(data)


def require_local(home: Home, settings: Settings) -> None:
    """Raise NotTheLocalStack where the environment names another server than local.env does; nothing named is fine."""
    known = local_env.read(home)
    for name in SERVERS:
        value = getattr(settings, name)
        address = value.get_secret_value() if isinstance(value, SecretStr) else value
        if name in settings.model_fields_set and address != known.get(f"JULIU_{name.upper()}"):
            raise NotTheLocalStack(
                f"JULIU_{name.upper()} is set to another server than the local stack's: the demo empties its servers "
                "first, so it only runs on those that `juliu up` started.  Unset it and try again."
            )
