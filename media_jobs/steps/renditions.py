"""The files of an episode's renditions: made, put into Storage, and compared with what was made.

Nobody plays them before master.m3u8 is there, so half of them are no harm; STORE puts it when all the others are whole.
Two tries of one step may have been under way at once (a worker that slept); so what lies there is compared, by length
and CRC of each file, with what the try that has counted made.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from domain.media import names
from domain.media.ladder import Encoded, rungs_of
from infra import failpoints
from infra.media.job import Facts, Leased
from media_jobs.context import StepContext
from media_jobs.engine import MAX_KEYS, Stored, Task
from media_jobs.steps import kept
from media_jobs.tree import put_tree
from media_jobs.watch import Part, Watch

ENCODED = 900  # permille: what is left is putting the files where they stay
MASTER = "master.m3u8"


def made(context: StepContext, leased: Leased, watch: Watch) -> dict[str, Any]:
    """Encode, and put everything but the master playlist; what STORE must know.  Raises StepFailed."""
    task, probe, report = kept.task_of(context, leased), kept.probe_of(leased), kept.report_of(leased)
    rungs = rungs_of(probe)
    keys = context.keys.keys_for(task.drama_id, task.episode_no, task.hash12, [rung.name for rung in rungs])
    encoded = context.processing.ladder(task, probe, report, rungs, keys=keys, watch=Part(watch, 0, ENCODED))
    failpoints.reached("media.after_encode")
    folder = context.work / "hls"
    master = (folder / MASTER).read_text(encoding="utf-8")
    (folder / MASTER).unlink()
    stored = put_tree(context.storage, folder, prefix_of(task), Part(watch, ENCODED, 1000))
    return {
        "master": master, "files": len(stored), "digest": digest_of(stored), "rungs": kept.plain(encoded.rungs),
        "content_ms": encoded.duration_ms, "usage": _usage(encoded, stored, paid=context.processing.paid),
    }  # fmt: skip


def prefix_of(task: Task) -> str:
    """The folder of the renditions, without a slash at its end."""
    return names.hls(task.drama_id, task.episode_no, task.hash12)


def expected(task: Task, facts: Facts) -> set[str]:
    """The keys of all files of the renditions, master playlist included."""
    rungs = [(one["rung"]["name"], one["segments"]) for one in facts["rungs"]]
    where = task.drama_id, task.episode_no, task.hash12
    segments = {names.segment(*where, name, number) for name, count in rungs for number in range(count)}
    return segments | {names.playlist(*where, name) for name, _ in rungs} | {names.master(*where)}


def whole(context: StepContext, task: Task, facts: Facts, watch: Watch) -> bool:
    """Whether every file but the master playlist lies there as it was made."""
    keys = sorted(expected(task, facts) - {names.master(task.drama_id, task.episode_no, task.hash12)})
    found = []
    for number, key in enumerate(keys):
        watch.progress(1000 * number // len(keys))
        if (stored := context.storage.head(key)) is None:
            return False
        found.append(stored)
    return digest_of(found) == str(facts["digest"])


def delete_extras(context: StepContext, task: Task, facts: Facts) -> int:
    """Files that nobody asks for: of another try that cut the episode otherwise, of CI on the way.  How many."""
    ours = context.storage.keys(f"{prefix_of(task)}/", MAX_KEYS)
    extras = sorted({*ours, *context.storage.keys(f"{task.intermediate}/", MAX_KEYS)} - expected(task, facts))
    if extras:
        context.storage.delete(extras)
    return len(extras)


def digest_of(stored: Iterable[Stored]) -> str:
    """One value for the names, lengths and CRCs of many files; 32 hex digits."""
    lines = "".join(f"{one.key} {one.size} {one.crc64}\n" for one in sorted(stored))
    return hashlib.sha256(lines.encode()).hexdigest()[:32]


def _usage(encoded: Encoded, stored: Iterable[Stored], *, paid: bool) -> dict[str, Any]:
    largest = max((one.bytes for one in encoded.rungs), default=0)
    usage = {"stored_bytes": sum(one.size for one in stored), "cdn_play_bytes": largest}
    billed = {"ci_ms": {one.rung.name: encoded.duration_ms for one in encoded.rungs}} if paid else {}
    return usage | billed
