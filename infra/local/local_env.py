"""var/local.env: how every process finds the local servers, and the secrets made for this checkout alone."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from urllib.parse import quote, unquote, urlsplit

from infra.local.files import write_whole
from infra.local.home import HOST, Home

MYSQL_USER = "juliu"
MYSQL_DATABASE = "juliu"
_HEAD = "# Written by `juliu up`: addresses of the local stack and secrets made for it.  Lines of other names are kept."


def parse(text: str) -> dict[str, str]:
    """NAME=value lines; comments, blank lines and lines without `=` are passed over."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line and not line.lstrip().startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}


def render(known: Mapping[str, str], ports: Mapping[str, int], new_secret: str) -> str:
    """The file for these ports.  `known` is kept, but for addresses.

    Secrets that it lacks are parts of `new_secret`, which has 224 characters.
    """
    password = mysql_password(known) or new_secret[:32]
    ours = {
        "JULIU_KAFKA": f"{HOST}:{ports['kafka']}",
        "JULIU_REDIS_URL": f"redis://{HOST}:{ports['redis']}/0",
        "JULIU_CLICKHOUSE_URL": f"http://{HOST}:{ports['clickhouse']}",
        "JULIU_MYSQL_URL": mysql_url(password, ports["mysql"]),
        "JULIU_API_PORT": str(ports["api"]),
        "JULIU_JWT_SECRET": known.get("JULIU_JWT_SECRET") or new_secret[32:96],
        "JULIU_TICKET_SECRET": known.get("JULIU_TICKET_SECRET") or new_secret[96:160],
        "JULIU_MEDIA_KEY_SECRET": known.get("JULIU_MEDIA_KEY_SECRET") or new_secret[160:],
    }
    return "\n".join([_HEAD, *(f"{name}={value}" for name, value in ({**known, **ours}).items())]) + "\n"


def mysql_url(password: str, port: int) -> str:
    """How SQLAlchemy finds our database on a loopback port."""
    return f"mysql+pymysql://{MYSQL_USER}:{quote(password)}@{HOST}:{port}/{MYSQL_DATABASE}"


def mysql_password(known: Mapping[str, str]) -> str:
    """The password inside JULIU_MYSQL_URL, or an empty string."""
    return unquote(urlsplit(known.get("JULIU_MYSQL_URL", "")).password or "")


def read(home: Home) -> dict[str, str]:
    """What the file says now; empty when there is none."""
    try:
        return parse(home.local_env.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}


def write(home: Home, ports: Mapping[str, int]) -> dict[str, str]:
    """Write the file for these ports, for its owner's eyes only; secrets are kept.  Returns what it says."""
    text = render({"JULIU_MEDIA_ROOT": str(home.data("media")), **read(home)}, ports, secrets.token_urlsafe(168))
    write_whole(home.local_env, text, mode=0o600)
    return parse(text)
