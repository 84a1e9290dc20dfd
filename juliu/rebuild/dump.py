"""What is in a namespace, in a form that two namespaces share: for comparing them key by key."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import redis

from domain import keys
from domain.keys import Family

PAGE = 1_000
HEAT_TOLERANCE = 1e-9  # relative: sums of floats depend on how runs were cut

_SORTED = {Family.RECENT, Family.HEAT_PART}

Value = Mapping[bytes, Any] | bytes | None  # a hash, a sorted set (member -> score), or a string


def names(client: redis.Redis, p: int, namespace: int) -> Iterator[str]:
    """The keys of a namespace of a partition, some maybe twice."""
    for key in client.scan_iter(f"*:{namespace}:{{{p}}}*", count=PAGE):
        name = cast(bytes, key).decode()
        if keys.namespace_of(name) == (p, namespace):
            yield name


def renamed(key: str, namespace: int) -> str:
    """The same key in another namespace."""
    found = keys.namespace_of(key)
    assert found is not None
    p, old = found
    return key.replace(f":{old}:{{{p}}}", f":{namespace}:{{{p}}}", 1)


def is_compared(key: str) -> bool:
    """Not the fences, which say where each namespace stands, nor `dirty`, whose offsets depend on how runs were cut."""
    return keys.family_of(key) not in {Family.FENCE, Family.DIRTY, Family.BLOCK_FORMAT}


def read(client: redis.Redis, wanted: Sequence[str]) -> list[Value]:
    """The values of these keys, in one round trip; None where there is none."""
    pipe = client.pipeline(transaction=False)
    for key in wanted:
        ask(pipe, key)
    return [value(key, answer) for key, answer in zip(wanted, pipe.execute(), strict=True)]


def ask(pipe: Any, key: str) -> None:
    """Ask for a key's value; value() makes it of the answer."""
    family = keys.family_of(key)
    if family in _SORTED:
        pipe.execute_command("ZRANGE", key, "0", "-1", "WITHSCORES")
    elif family == Family.SEEN:
        pipe.execute_command("GET", key)
    else:
        pipe.execute_command("HGETALL", key)


def value(key: str, answer: Any) -> Value:
    """What an answer says, in the form in which values are compared."""
    family = keys.family_of(key)
    if family == Family.SEEN:
        return cast(bytes | None, answer)
    if family in _SORTED:
        return {member: float(score) for member, score in _pairs(answer)} or None
    pairs = answer.items() if isinstance(answer, dict) else _pairs(answer)
    cells = dict(pairs)
    return ({field: n for field, n in cells.items() if n != b"0"} if family == Family.COUNTERS_PART else cells) or None


def _pairs(flat: Iterable[Any]) -> Iterator[tuple[Any, Any]]:
    """Of an answer that is a flat list, or already one of pairs."""
    some = list(flat)
    if some and isinstance(some[0], tuple | list):
        yield from ((a, b) for a, b in some)
    else:
        yield from zip(some[::2], some[1::2], strict=True)


def differs(key: str, one: Value, other: Value) -> list[str]:
    """What differs between two values of a key: its fields, at most a few; [] for none."""
    if one == other:
        return []
    if not (isinstance(one, Mapping) and isinstance(other, Mapping)):
        return [f"{_short(one)}, new {_short(other)}"]
    near = keys.family_of(key) == Family.HEAT_PART
    return [
        f"{field.decode()}: {_short(one.get(field))}, new {_short(other.get(field))}"
        for field in sorted(one.keys() | other.keys())
        if not _same(one.get(field), other.get(field), near)
    ]


def _same(one: Any, other: Any, near: bool) -> bool:
    if one == other:
        return True
    return near and one is not None and other is not None and math.isclose(one, other, rel_tol=HEAT_TOLERANCE)


def _short(value: Any) -> str:
    text = "nothing" if value is None else value.decode(errors="replace") if isinstance(value, bytes) else repr(value)
    return text if len(text) < 80 else text[:77] + "..."
