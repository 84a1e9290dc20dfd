"""One request and its answer, as the OpenAPI document shows them; a test sends the one and gets the other."""

from __future__ import annotations

from typing import Any

SESSION = "0190c5e2-7d5a-7c3e-9a51-2f6f1c8e4b10"
PLAY = "0190c5e2-9b1f-7d42-8f60-7a1f0c2d3e4f"
AT_MS = 1_790_000_000_000


def _event(seq: int, kind: str, **fields: Any) -> dict[str, Any]:
    event_id = f"0190c5e2-0000-7000-8000-{seq:012d}"
    return {"type": kind, "event_id": event_id, "seq": seq, "at_ms": AT_MS + 5_000 * (seq - 1), **fields}


_EPISODE = {"drama_id": 7, "episode_no": 1}
_PLAY = {"play_id": PLAY, **_EPISODE}
_WATCHED = {"stalls": 0, "stall_ms": 0}

BATCH: dict[str, Any] = {
    "session_id": SESSION,
    "sent_at_ms": AT_MS + 30_000,
    "clock_offset_ms": 0,
    "client": {
        "app_id": "wx0123456789abcdef",
        "platform": "weapp",
        "version": "1.2.0",
        "network": "wifi",
        "scene": 1001,
        "channel": "",
    },
    "events": [
        _event(1, "play_started", **_PLAY, request_id="r-1", first_frame_ms=320, ticket=None),
        _event(2, "heartbeat", **_PLAY, from_ms=0, to_ms=5_000, wall_ms=5_000, **_WATCHED),
        _event(3, "play_ended", **_PLAY, from_ms=5_000, to_ms=7_200, wall_ms=2_200, **_WATCHED, reason="next"),
        _event(4, "liked", **_EPISODE),
        _event(5, "impression", drama_id=404, request_id="r-1", position=0, source="hot", propensity=0.0125),
    ],
}

ANSWER: dict[str, Any] = {
    "accepted": 4,
    "rejected": 1,
    "results": [
        *({"status": "accepted", "event_id": event["event_id"]} for event in BATCH["events"][:4]),
        {"status": "rejected", "event_id": BATCH["events"][4]["event_id"], "reason": "unknown_drama"},
    ],
    "server_time_ms": AT_MS + 30_120,
}
