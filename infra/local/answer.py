"""What a program of the stack says over HTTP when it is asked whether it works."""

from __future__ import annotations

import http.client

from infra.local.errors import NotReady
from infra.local.home import HOST

_MOST_BYTES = 1_000  # of an answer; the rest is not looked at


def ask(port: int, address: str, timeout_s: float) -> tuple[int, str]:
    """GET `address` on a loopback port: status and the beginning of the text.  Raises NotReady where nobody answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=timeout_s)
    try:
        connection.request("GET", address)
        answer = connection.getresponse()
        return answer.status, answer.read(_MOST_BYTES).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        raise NotReady(str(error)) from error
    finally:
        connection.close()
