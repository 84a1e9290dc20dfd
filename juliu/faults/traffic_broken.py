"""What broken clients send: single events against the rules, bodies that are no batch, bytes that nobody can decode."""

from __future__ import annotations

import gzip
import random
from typing import Any

import msgspec

NO_DRAMA = 2**52 + 1


def event(rnd: random.Random, good: dict[str, Any], after_another: bool) -> tuple[bytes, str]:
    """A broken form of a good event, and the reason that it must be given; `after_another`: not first in its batch."""
    wrong: list[tuple[dict[str, Any], str]] = [
        (good | {"type": "levitated"}, "unknown_type"),
        (good | {"type": "unlocked"}, "not_public"),
        (good | {"seq": "seven"}, "bad_seq"),
        (good | {"seq": 0}, "bad_seq"),
        (good | {"drama_id": NO_DRAMA}, "unknown_drama"),
        (good | {"drama_id": 2**60}, "malformed"),
        (good | {"event_id": "me"}, "malformed"),
        (good | {"at_ms": "soon"}, "malformed"),
        (good | {"at_ms": -1}, "malformed"),
        (good | {"request_id": "a\0b"}, "malformed"),
        (good | {"request_id": "long" * 100}, "malformed"),
        ({name: value for name, value in good.items() if name != "drama_id"}, "malformed"),
    ]
    if "episode_no" in good:
        wrong.append((good | {"episode_no": 99_999}, "unknown_episode"))
    if "to_ms" in good:
        wrong.append((good | {"from_ms": 9_000, "to_ms": 8_000}, "bad_interval"))
        wrong.append((good | {"to_ms": 50_000_000}, "bad_interval"))
    if after_another:
        wrong.append((good | {"seq": 1}, "seq_order"))
    broken, reason = rnd.choice(wrong)
    return msgspec.json.encode(broken), reason


def garbage(rnd: random.Random, batch: bytes) -> bytes:
    """A body that must be refused as a whole; `batch` is a good one of a session that nothing else belongs to."""
    return rnd.choice((
        b"", b"[]", b"null", b"not json", b"{}", b'{"session_id":"me","events":[]}',
        batch[: len(batch) // 2],
        batch + b"}",
        batch.replace(b'"seq":', b'"seq":NaN,"was":', 1),
        batch.replace(b'"events":[', b'"events":' + b"[" * 3_000, 1),
        batch.replace(b"wxstorm", b"wx\xff\xfe", 1),
        batch.replace(b'"scene":1001', b'"scene":' + b"9" * 400, 1),
        gzip.compress(batch),
    ))  # fmt: skip


def poison(rnd: random.Random, n: int) -> bytes:
    """Bytes for the log that no version can decode, each like no other."""
    return rnd.choice((
        b"poison %d" % n,
        b'{"type":"heartbeat","event_id":"%d"' % n,
        b'{"type":"teleported","event_id":"%d","seq":1,"at_ms":1}' % n,
        b'["%d"]' % n,
        b"\xff\xfe\0%d" % n,
        b'{"type":"liked","seq":"%d"}' % n,
    ))  # fmt: skip
