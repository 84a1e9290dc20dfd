"""What an error of COS or CI means for a step: who has to act.

Codes: cloud.tencent.com/document/product/436/7730.
"""

from __future__ import annotations

from qcloud_cos import CosClientError, CosServiceError
from requests import RequestException

from domain.media.trouble import Failure, StepFailed

# NoSuchUpload: another worker has completed it, or the bucket's lifecycle has ended it; the next try begins anew.
# PreconditionFailed: the object is another now than when its download began.
_CUT = frozenset({
    "RequestTimeout", "UserNetworkTooSlow", "IncompleteBody", "BadDigest", "InvalidDigest", "NoSuchUpload", "SlowDown",
    "PreconditionFailed",
})  # fmt: skip
_GONE = frozenset({"NoSuchKey", "NoSuchResource"})
_TEXTS = {
    "AccessDenied": "grant the key read, write, list and ci:* on the bucket",
    "SignatureDoesNotMatch": "set JULIU_COS_SECRET_KEY to the key that belongs to JULIU_COS_SECRET_ID",
    "InvalidAccessKeyId": "set JULIU_COS_SECRET_ID to a key that exists and is enabled",
    "RequestTimeTooSkewed": "set this machine's clock",
    "NoSuchBucket": "set JULIU_COS_BUCKET and JULIU_COS_REGION",
}


class Transient(StepFailed):
    """COS is away, slow, or cut us off: the same again may succeed."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(Failure.AGAIN, reason, text)


class Refused(StepFailed):
    """COS says no, and will again until people have done something.  `code` is COS's."""

    def __init__(self, reason: str, code: str, text: str) -> None:
        super().__init__(Failure.MEND, reason, text)
        self.code = code


def failed(error: CosClientError | CosServiceError | RequestException) -> StepFailed:
    """The step's failure for an error of the SDK."""
    if not isinstance(error, CosServiceError):
        return Transient("storage_unavailable", f"COS does not answer: {error}")
    status, code = int(error.get_status_code()), str(error.get_error_code())
    told = f"{code} ({status}): {error.get_error_msg()}, request {error.get_request_id()}"
    if status >= 500 or status == 429 or status < 400 or code in _CUT:
        return Transient("storage_unavailable", f"COS answers {told}")
    reason = "not_found" if code in _GONE else "storage_refused"
    advice = _TEXTS.get(code, _TEXTS["AccessDenied"] if status == 403 else "look at the bucket on the console")
    return Refused(reason, code, f"{advice}: COS answers {told}")
