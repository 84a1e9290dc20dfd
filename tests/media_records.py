"""Records of juliu.media, for tests."""

from __future__ import annotations

from typing import Any

from domain.media.record import StepEnded, Usage, record_id

AT_MS = 1_795_000_000_000
USAGE = Usage(
    ci_ms={"360p": 90_000, "720p": 90_000}, ci_snapshots=3, stored_bytes=2**30,
    cdn_play_bytes=20_000_000, platform_play_bytes=30_000_000,
)  # fmt: skip


def a_record(job_id: int = 1, step: str = "store", token: int = 1, **fields: Any) -> StepEnded:
    """The end of a step of episode 3 of drama 7, done, unless something else is said."""
    said: dict[str, Any] = {
        "at_ms": AT_MS + token, "kind": "episode", "drama_id": 7, "episode_no": 3, "title": "重生之门",
        "outcome": "done", "waited_ms": 1_000, "ran_ms": 30_000, "cpu_ms": 45_000, "worker": "media-1",
    }  # fmt: skip
    its_id = record_id(job_id, step, token)
    return StepEnded(record_id=its_id, job_id=job_id, step=step, **{**said, **fields})


def a_failure(reason: str, outcome: Any = "again", **fields: Any) -> StepEnded:
    """An attempt that failed."""
    failure = "mend" if outcome == "rejected" else "again"
    return a_record(**{"outcome": outcome, "failure": failure, "reason": reason, "text": f"mend {reason}", **fields})
