"""Before a worker joins its group: wait for Kafka and Redis, and refuse to start beside what `juliu migrate` made.

A Redis that holds nothing is waited for too: it is made by a person, whichever of the two commands it takes.
"""

from __future__ import annotations

import time

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from redis.exceptions import RedisError

from domain.topics import DEAD, EVENTS
from infra import exits, logs, namespaces
from infra.settings import Settings

ANSWER_S = 3.0
FIRST_S, LONGEST_S = 0.1, 3.0  # back-off
LOG_EVERY = 5  # attempts
ATTEMPTS = 100_000  # three days

log = logs.get(__name__)


class WrongTopics(Exception):
    """The log is not as the settings say; the text says what to do."""


def check(settings: Settings, end: exits.End = exits.end) -> None:
    """Return when both answer and agree with the settings; ends the process with MISCONFIGURED when they disagree.

    Waits for days if it must: a worker that ends because a server is away would only be started again.
    """
    pause = FIRST_S
    for attempt in range(ATTEMPTS):
        try:
            namespaces.check(settings)
            check_topics(settings, known=True)
            return
        except namespaces.NotMade as error:
            if attempt % LOG_EVERY == 0:
                log.error("waiting to start", attempt=attempt, error=str(error))
        except (namespaces.WrongPartitions, WrongTopics) as error:
            end(exits.MISCONFIGURED, str(error))
        except (RedisError, KafkaException, OSError) as error:
            if attempt % LOG_EVERY == 0:
                log.warning("waiting to start", attempt=attempt, error=repr(error)[:300])
        time.sleep(pause)
        pause = min(LONGEST_S, pause * 2)
    end(exits.MISCONFIGURED, "the servers did not answer for days")


def check_topics(settings: Settings, known: bool = False) -> None:
    """Raises WrongTopics, KafkaException.

    `known`: Redis says that the installation was made with the settings' number of partitions.  Then more of them are
    no reason to stop: somebody has added some, nobody lives there, and Kafka takes none away.
    """
    admin = AdminClient({"bootstrap.servers": settings.kafka, "log_level": 2})
    topics = admin.list_topics(timeout=ANSWER_S).topics
    for name in (EVENTS.name, DEAD.name):
        if name not in topics:
            raise WrongTopics(f"Kafka has no topic {name}: run `juliu migrate`")
    count = len(topics[EVENTS.name].partitions)
    if known and count > settings.partitions:
        log.error("partitions were added by hand: they stay empty", there=count, used=settings.partitions)
    elif count != settings.partitions:
        raise WrongTopics(f"{EVENTS.name} has {count} partitions, the settings say {settings.partitions}")
