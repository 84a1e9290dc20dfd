"""The JSON of one step's end as it stands on juliu.media, and as ClickHouse keeps it in `media_steps`.

A record is written in the transaction that ends the step (MySQL's `media_records`), sent at least once, and kept once:
`record_id` says which copies are the same.  What a step used that costs money stands in its facts under USAGE.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

USAGE, CONTENT_MS = "usage", "content_ms"  # keys of a step's facts that a record takes over
MAX_TEXT, MAX_REASON, MAX_TITLE, MAX_NAME = 500, 64, 200, 64
MOST = 1 << 62  # of any number: Int64 of ClickHouse holds sums of a few of them
LAST_MS = 253_402_271_999_999  # 9999 in Shanghai: what DateTime64 holds

Outcome = Literal["done", "again", "failed", "rejected", "cancelled"]


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a step used that somebody bills.

    `ci_ms`: content that CI wrote, in ms by rung ("360p", "720p"...); the local engine has none.
    `stored_bytes`: what stays in our storage after this step, beside what steps before it left there.
    `cdn_play_bytes`, `platform_play_bytes`: what one whole play takes from our CDN (of the largest rung) and from
    WeChat (of the mezzanine): so both are upper bounds.
    """

    ci_ms: Mapping[str, int] = {}
    ci_snapshots: int = 0
    stored_bytes: int = 0
    cdn_play_bytes: int = 0
    platform_play_bytes: int = 0


class StepEnded(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An attempt at a step is over.

    outcome: done; again (it failed and is tried later); failed (for good); rejected (people must mend the material or
    the account); cancelled.  `attempt` counts from 1.  `waited_ms` from when the step could be begun until it was,
    `ran_ms` from there to its end, `cpu_ms` is CPU time on our machines.  `content_ms` is the length of the video where
    the step knows it.  `failure`, `reason`, `text` are of domain.media.trouble, empty where it is done.
    """

    record_id: str
    at_ms: int
    job_id: int
    kind: str
    drama_id: int
    episode_no: int = 0
    title: str = ""
    step: str
    outcome: Outcome
    attempt: int = 1
    waited_ms: int = 0
    ran_ms: int = 0
    cpu_ms: int = 0
    content_ms: int = 0
    failure: str = ""
    reason: str = ""
    text: str = ""
    worker: str = ""
    usage: Usage = Usage()


def record_id(job_id: int, step: str, token: int) -> str:
    """The same for every copy of one attempt's end: a token is given once a lease."""
    return f"{job_id}:{step}:{token}"


def used(facts: Mapping[str, Any]) -> tuple[int, Usage]:
    """(content_ms, usage) of a step's facts; zeros where they say nothing.  Raises ValueError for nonsense."""
    try:
        found = msgspec.convert(facts.get(USAGE, {}), Usage), msgspec.convert(facts.get(CONTENT_MS, 0), int)
    except msgspec.ValidationError as error:
        raise ValueError(f"facts: {error}") from error
    usage, content_ms = found
    if wrong := _wrong_usage(content_ms, usage):
        raise ValueError(f"facts: {wrong}")
    return content_ms, usage


def encode(record: StepEnded) -> bytes:
    """The record as it goes to the log; texts are cut to what their columns hold."""
    cut = msgspec.structs.replace(
        record, title=record.title[:MAX_TITLE], text=record.text[:MAX_TEXT], reason=record.reason[:MAX_REASON]
    )
    return _encode(cut)


def decode(value: bytes) -> StepEnded:
    """The record.  Raises ValueError saying what is wrong, in at most 200 characters."""
    try:
        record = _decode(value)
    except (msgspec.DecodeError, RecursionError) as error:
        raise ValueError(f"undecodable: {error}"[:MAX_TITLE]) from error
    if wrong := _wrong(record):
        raise ValueError(wrong[:MAX_TITLE])
    return record


def _wrong(record: StepEnded) -> str:
    """What no writer of ours says."""
    if not (record.record_id and record.kind and record.step):
        return "record_id, kind or step is empty"
    if max(map(len, (record.record_id, record.kind, record.step, record.failure, record.worker))) > 4 * MAX_NAME:
        return "a name is too long"
    times = (record.at_ms, record.waited_ms, record.ran_ms, record.cpu_ms)
    if not all(0 <= number < MOST for number in (*times, record.job_id, record.drama_id)):
        return "a number is out of range"
    if not (0 < record.at_ms <= LAST_MS and record.attempt < 1 << 16 and record.episode_no < 1 << 32):
        return "at_ms, attempt or episode_no is out of range"
    if record.attempt < 0 or record.episode_no < 0:
        return "attempt or episode_no is out of range"
    return _wrong_usage(record.content_ms, record.usage)


def _wrong_usage(content_ms: int, usage: Usage) -> str:
    bytes_ = (usage.stored_bytes, usage.cdn_play_bytes, usage.platform_play_bytes)
    if not all(0 <= number < MOST for number in (content_ms, usage.ci_snapshots, *bytes_, *usage.ci_ms.values())):
        return "a number of usage is out of range"
    return "more rungs than there are" if len(usage.ci_ms) > MAX_RUNGS else ""


MAX_RUNGS = 16  # names in ci_ms: a ladder has four, a mezzanine one

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(StepEnded).decode
