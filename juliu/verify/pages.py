"""Pages of a partition's numbers in Redis, each with the fence that it is of, read as of one moment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, cast

import redis

from domain import counters, effects, keys
from infra.fold_store import LUA

GROUP = "counters"
DRAMAS = 250  # of one page: with 14 numbers each about 2 ms of Redis, which others wait for
SCANNED = 2_000  # fields of one step of the scan for dramas


class Page(NamedTuple):
    """Numbers of some dramas (without zeros) at `fence`, and the last offset that changed each."""

    fence: int
    numbers: dict[int, dict[str, int]]
    changed: dict[int, int]


class Moved(Exception):
    """The partition's namespace is another now, or its fence is gone or broken: what was read is of no use."""


class Pages:
    """Reads one partition in the namespace that it has at first.  Every call may raise RedisError, Moved."""

    def __init__(self, client: redis.Redis, p: int, namespace: int) -> None:
        self._redis, self._p, self.namespace = client, p, namespace
        self._script = client.register_script((LUA / "page.lua").read_text())
        self._keys = [
            keys.fence(GROUP, namespace, p), keys.namespace(p),
            keys.counters_part(namespace, p), keys.dirty(namespace, p),
        ]  # fmt: skip

    def dramas(self) -> tuple[set[int], list[str]]:
        """Every drama that has a number here; and the fields that no counter has, which should not be."""
        found, strange = set[int](), list[str]()
        for field, _ in self._redis.hscan_iter(keys.counters_part(self.namespace, self._p), count=SCANNED):
            name = field.decode(errors="replace")
            try:
                found.add(counters.parse_field(name)[0])
            except (ValueError, KeyError):
                strange.append(name)
        return found, strange

    def pages(self, dramas: Sequence[int]) -> Iterator[Page]:
        """The numbers of these dramas, DRAMAS at a time.  At least one page."""
        for at in range(0, max(1, len(dramas)), DRAMAS):
            yield self.page(dramas[at : at + DRAMAS])

    def page(self, dramas: Sequence[int]) -> Page:
        """The numbers of these dramas, at most DRAMAS, at one fence."""
        asked = dramas or [0]  # no drama: HMGET needs a field
        fields = [counters.field(drama, at) for drama in asked for at in range(len(counters.COUNTERS))]
        arguments: list[str | bytes] = [
            str(self.namespace),
            effects.encode_blob(fields),
            effects.encode_blob([str(d) for d in asked]),
        ]
        try:
            fence, values, offsets = cast(list[Any], self._script(keys=self._keys, args=arguments))
        except redis.ResponseError as error:
            raise Moved(str(error)) from error
        return Page(
            int(fence), _named(asked, effects.decode_blob(values)), _offsets(asked, effects.decode_blob(offsets))
        )


def _named(dramas: Sequence[int], values: list[str | bool | None]) -> dict[int, dict[str, int]]:
    width, out = len(counters.COUNTERS), dict[int, dict[str, int]]()
    for i, drama in enumerate(dramas):
        row = zip(counters.COUNTERS, values[i * width : (i + 1) * width], strict=True)
        out[drama] = {name: int(value) for name, value in row if value and int(value)}
    return out


def _offsets(dramas: Sequence[int], values: list[Any]) -> dict[int, int]:
    return {drama: int(float(value)) for drama, value in zip(dramas, values, strict=True) if value not in (False, None)}
