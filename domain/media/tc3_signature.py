"""Tencent Cloud's API 3.0 signature (TC3-HMAC-SHA256), for the calls that COS has no SDK method for: the CDN's.

Source: cloud.tencent.com/document/api/228/30977 (version 3); its example is our test's vector.
"""

from __future__ import annotations

import hmac
from datetime import UTC, datetime
from hashlib import sha256

ALGORITHM = "TC3-HMAC-SHA256"
CONTENT_TYPE = "application/json; charset=utf-8"


def authorization(*, secret_id: str, secret_key: str, service: str, host: str, body: bytes, at_s: int) -> str:
    """The header `Authorization` of a POST of `body` to https://{host}/ at `at_s` (Unix s; good for five minutes)."""
    day = datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d")
    scope = f"{day}/{service}/tc3_request"
    headers = f"content-type:{CONTENT_TYPE}\nhost:{host}\n"
    signed = "content-type;host"
    request = f"POST\n/\n\n{headers}\n{signed}\n{sha256(body).hexdigest()}"
    text = f"{ALGORITHM}\n{at_s}\n{scope}\n{sha256(request.encode()).hexdigest()}"
    key = f"TC3{secret_key}".encode()
    for part in (day, service, "tc3_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, text.encode(), sha256).hexdigest()
    return f"{ALGORITHM} Credential={secret_id}/{scope}, SignedHeaders={signed}, Signature={signature}"
