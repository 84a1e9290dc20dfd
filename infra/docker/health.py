"""The containers' health check: `python -m infra.docker.health PORT` succeeds when /readyz there says so."""

from __future__ import annotations

import http.client
import sys

_TIMEOUT_S = 2.0


def main() -> int:
    """0 when ready."""
    connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        return 0 if connection.getresponse().status == http.client.OK else 1
    except (OSError, http.client.HTTPException):
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
