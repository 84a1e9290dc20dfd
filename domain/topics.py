"""Every Kafka topic, and the one rule that says which partition a viewer lives in."""

from __future__ import annotations

from dataclasses import dataclass

PULSE_KEY = b"pulse"  # the Kafka key of a control record: known without decoding its value
MAX_MESSAGE_BYTES = 1_048_576


@dataclass(frozen=True)
class Topic:
    """A topic: its name, how long it keeps records, and whether its partition count follows the installation's P."""

    name: str
    retention_ms: int
    per_viewer: bool
    what: str


DAY_MS = 86_400_000
EVENTS = Topic("juliu.events", 14 * DAY_MS, True, "everything viewers do; one viewer's events have one order")
DEAD = Topic("juliu.dead", 30 * DAY_MS, False, "records that could not be processed, with their reason")
MEDIA = Topic("juliu.media", 30 * DAY_MS, False, "ends of steps of media jobs (domain/media/record.py), and orders")
TOPICS = (EVENTS, DEAD, MEDIA)

GOLDEN = 0x9E3779B97F4A7C15  # 2**64 / golden ratio: Fibonacci hashing (Knuth, TAOCP 3, 6.4)
_MASK = (1 << 64) - 1


def partition_of(user_id: int, partitions: int) -> int:
    """The partition of a viewer's events, and the number in the hash tag of the viewer's Redis keys.

    The same on every machine and version: part of the data format.  `partitions` >= 1, `user_id` >= 0.
    """
    return (((user_id * GOLDEN) & _MASK) >> 32) % partitions
