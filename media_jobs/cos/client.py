"""The SDK's client, set up once for a process, and how it is called: bounded tries, errors in the words of steps."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

import requests
from qcloud_cos import CosClientError, CosConfig, CosS3Client, CosServiceError
from requests.adapters import HTTPAdapter

from domain.media.cos_signature import Bucket
from media_jobs.cos.failures import Transient, failed
from media_jobs.cos.stand_in import Loopback
from media_jobs.watch import Unwatched, Watch

T = TypeVar("T")
CONNECTIONS = 8
TIMEOUT_S = 30.0  # of one answer, as the SDK's own
TRIES = 5
FIRST_PAUSE_S, LONGEST_SLICE_S = 0.2, 0.5

_SDK_LOGGER = "qcloud_cos"  # logs each address at level info, with what signs it at level debug


class Cos:
    """One bucket, through the SDK.  Safe to use from several threads."""

    def __init__(self, bucket: Bucket, stand_in: str = "", pause: Callable[[float], None] = time.sleep) -> None:
        logging.getLogger(_SDK_LOGGER).setLevel(logging.CRITICAL)
        self.bucket, self.pause = bucket, pause
        config = CosConfig(
            Region=bucket.region,
            SecretId=bucket.secret_id,
            SecretKey=bucket.secret_key,
            Scheme=bucket.scheme,
            Timeout=TIMEOUT_S,
        )
        # The SDK's own tries sleep for seconds, deaf to a watch: ours do not.
        self._client = CosS3Client(config, retry=0, session=_session(stand_in))

    def once(self, call: str, **arguments: Any) -> Any:
        """What the SDK's method answers, asked once.  Raises StepFailed."""
        try:
            return getattr(self._client, call)(Bucket=self.bucket.name, **arguments)
        except (CosClientError, CosServiceError, requests.RequestException) as error:
            raise failed(error) from error

    def ask(self, call: str, watch: Watch | None = None, permille: int = 0, **arguments: Any) -> Any:
        """The same, asked up to TRIES times while COS is away; only what may be asked twice.  Raises StepFailed."""
        return self.again(lambda: self.once(call, **arguments), watch or Unwatched(), permille)

    def again(self, ask: Callable[[], T], watch: Watch, permille: int = 0) -> T:
        """`ask` until it succeeds: a StepFailed that says "again" is one, TRIES times, with pauses that double."""
        for tried in range(1, TRIES):
            try:
                return ask()
            except Transient:
                self.wait(FIRST_PAUSE_S * 2.0 ** (tried - 1), watch, permille)
        return ask()

    def wait(self, seconds: float, watch: Watch, permille: int = 0) -> None:
        """Pause, with the watch asked twice a second."""
        while seconds > 0:
            watch.progress(permille)
            self.pause(min(seconds, LONGEST_SLICE_S))
            seconds -= LONGEST_SLICE_S


def _session(stand_in: str) -> requests.Session:
    """Connections of our own: the SDK's are one pool a process, with the first client's sizes."""
    session = requests.Session()
    session.trust_env = not stand_in
    adapter = Loopback(stand_in, CONNECTIONS) if stand_in else HTTPAdapter(pool_maxsize=CONNECTIONS)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    return session
