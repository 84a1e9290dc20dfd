"""The canary: a synthetic viewer of every partition, and the drama that only they are ever shown.

A canary's event takes the way of every other, into the log, the counters and `events`.  What people read must not tell
of it: views, the merge task and the catalogue leave DRAMA_ID out.  No account and no import gets these ids.
"""

from __future__ import annotations

import functools
import uuid

from domain.events import MAX_ID, Impression
from domain.topics import partition_of

DRAMA_ID = MAX_ID - 1  # also spelled out in infra/clickhouse/migrations/016 to 018; a test holds them to it
USERS = range(MAX_ID - 2**17, MAX_ID)  # enough to have one in each partition, for every P up to 1,024
EVENT = Impression  # counted once, and leaves nothing in a viewer's own state

DAY_MS = 86_400_000


@functools.lru_cache(maxsize=1_024)
def user_of(partition: int, partitions: int) -> int:
    """The canary of this partition.  Raises ValueError where 0 <= partition < partitions <= 1,024 does not hold."""
    for user_id in USERS:
        if partition_of(user_id, partitions) == partition:
            return user_id
    raise ValueError(f"no canary lives in partition {partition} of {partitions}")


def session_of(user_id: int, at_ms: int) -> str:
    """Its session of that day (UTC), a UUID: one a day, so that what the fold keeps of canaries stays small."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"juliu canary {user_id} {at_ms // DAY_MS}"))


def seq_at(at_ms: int) -> int:
    """The number, in its session, of what it sends then: rises with the time, also over restarts of who sends."""
    return at_ms % DAY_MS + 1
