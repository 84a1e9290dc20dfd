"""Before a worker joins its group: wait for Kafka and Redis, and refuse to start beside what `juliu migrate` made."""

from __future__ import annotations

import time

import redis
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from redis.exceptions import RedisError

from domain import keys
from domain.topics import DEAD, EVENTS
from infra import logs
from infra.settings import Settings
from streams import exits

ANSWER_S = 3.0
FIRST_S, LONGEST_S = 0.1, 3.0  # back-off
LOG_EVERY = 5  # attempts

log = logs.get(__name__)


def check(settings: Settings, end: exits.End = exits.end) -> None:
    """Return when both answer and agree with the settings; ends the process with MISCONFIGURED when they disagree.

    Waits as long as it takes: /readyz says no meanwhile, and a worker that ends because a server is away would only be
    started again.
    """
    pause = FIRST_S
    for attempt in range(1, 1_000_000):
        try:
            wrong = _wrong(settings)
        except (RedisError, KafkaException, OSError) as error:
            if attempt % LOG_EVERY == 1:
                log.warning("waiting to start", attempt=attempt, error=repr(error)[:300])
            time.sleep(pause)
            pause = min(LONGEST_S, pause * 2)
            continue
        if wrong:
            end(exits.MISCONFIGURED, wrong)
        return


def _wrong(settings: Settings) -> str | None:
    """What is not as the settings say."""
    with redis.Redis.from_url(
        settings.redis_url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S, decode_responses=True
    ) as client:
        written = client.get(keys.PARTITIONS)
    if written is None:
        return "Redis has no partition count: run `juliu migrate`"
    if written != str(settings.partitions):
        return f"JULIU_PARTITIONS is {settings.partitions}, the installation was made with {written!r}"
    return _wrong_topics(settings)


def _wrong_topics(settings: Settings) -> str | None:
    admin = AdminClient({"bootstrap.servers": settings.kafka, "log_level": 2})
    topics = admin.list_topics(timeout=ANSWER_S).topics
    for name in (EVENTS.name, DEAD.name):
        if name not in topics:
            return f"Kafka has no topic {name}: run `juliu migrate`"
    count = len(topics[EVENTS.name].partitions)
    if count != settings.partitions:
        return f"topic {EVENTS.name} has {count} partitions, not {settings.partitions}"
    return None
