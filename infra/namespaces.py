"""The partition count that an installation was made with, and the first namespace of each partition with its fences.

Made once by `juliu migrate`, never reset: a missing fence is an error to every worker, it never means "from the start".
"""

from __future__ import annotations

from typing import Any, cast

import redis

from domain import keys
from domain.fences import NOTHING
from infra.migration import MigrationRefused, Step
from infra.settings import Settings

GROUPS = ("counters", "store")
FIRST = 1
MADE, THERE = 1, 0

# KEYS the pointer, fences of the first namespace; ARGV the first namespace, the fence of an empty log.
# Whole or not at all: a server that dies in a script loads none of its writes again.
CREATE = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
for i = 2, #KEYS do
  if redis.call('EXISTS', KEYS[i]) == 1 then return redis.error_reply('FENCE_WITHOUT_NAMESPACE ' .. KEYS[i]) end
end
for i = 2, #KEYS do redis.call('SET', KEYS[i], ARGV[2]) end
redis.call('SET', KEYS[1], ARGV[1])
return 1
"""


class WrongPartitions(RuntimeError):
    """This installation was made with another partition count, or was not made yet.  The text says what to do."""


class NotMade(WrongPartitions):
    """Redis holds nothing of an installation: it is new, or has lost everything."""


def create(settings: Settings) -> list[Step]:
    """Write the partition count down and make what is missing; what is there stays as it is.

    Raises WrongPartitions where the count differs, MigrationRefused where fences are left of a lost namespace, or a
    namespace has lost its fences; redis.RedisError where Redis does not answer.
    """
    with _connect(settings) as client:
        made = client.set(keys.PARTITIONS, settings.partitions, nx=True)
        _compare(client.get(keys.PARTITIONS), settings.partitions)
        first = Step(part="redis", name=keys.PARTITIONS, did="made" if made else "there", note=str(settings.partitions))
        return [first, *(_create_one(client, partition) for partition in range(settings.partitions))]


def check(settings: Settings) -> None:
    """Refuse to start with another partition count than the installation's.

    Raises WrongPartitions, NotMade, RedisError.
    """
    with _connect(settings) as client:
        _compare(client.get(keys.PARTITIONS), settings.partitions)


def made(settings: Settings) -> bool:
    """Whether Redis says that this installation was made, with this number of partitions.  Raises RedisError."""
    with _connect(settings) as client:
        return bool(client.get(keys.PARTITIONS) == b"%d" % settings.partitions)


def lacking(settings: Settings) -> list[int]:
    """The partitions that have no namespace; all of them where this Redis holds no installation.

    Raises WrongPartitions, RedisError.
    """
    check_before_migration(settings)
    with _connect(settings) as client:
        if client.get(keys.PARTITIONS) is None:
            return list(range(settings.partitions))
        return [p for p in range(settings.partitions) if not client.exists(keys.namespace(p))]


def check_before_migration(settings: Settings) -> None:
    """`check`, but an installation that was not made yet is in order."""
    with _connect(settings) as client:
        if (written := client.get(keys.PARTITIONS)) is not None:
            _compare(written, settings.partitions)


def _connect(settings: Settings) -> redis.Redis:
    return redis.Redis.from_url(settings.redis_url, socket_timeout=5, socket_connect_timeout=5)


def _compare(written: Any, partitions: int) -> None:
    if written is None:
        raise NotMade(
            "this Redis holds no installation: run `juliu migrate` for a new one, `juliu rebuild redis` where Redis has"
            " lost it"
        )
    if int(written) != partitions:
        raise WrongPartitions(
            f"this installation was made with {int(written)} partitions, the settings say {partitions}: viewers would"
            f" change their partition; set JULIU_PARTITIONS={int(written)}"
        )


def _create_one(client: redis.Redis, partition: int) -> Step:
    pointer = keys.namespace(partition)
    fences = [keys.fence(group, FIRST, partition) for group in GROUPS]
    try:
        made = client.eval(CREATE, 1 + len(fences), pointer, *fences, str(FIRST), str(NOTHING))
    except redis.ResponseError as error:
        if "FENCE_WITHOUT_NAMESPACE" not in str(error):
            raise
        raise MigrationRefused(f"{pointer} is lost but its fences are there: restore Redis, or rebuild") from error
    if made == MADE:
        return Step(part="redis", name=pointer, did="made", note=f"namespace {FIRST}, fences at {NOTHING}")
    return _checked(client, partition, pointer)


def _checked(client: redis.Redis, partition: int, pointer: str) -> Step:
    """What is there, if it is whole."""
    number = int(cast(bytes, client.get(pointer)))
    for group in GROUPS:
        if not client.exists(keys.fence(group, number, partition)):
            raise MigrationRefused(f"{keys.fence(group, number, partition)} is lost: restore Redis, or rebuild")
    return Step(part="redis", name=pointer, did="there", note=f"namespace {number}")
