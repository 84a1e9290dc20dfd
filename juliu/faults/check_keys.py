"""Compares all of Redis with the truth: every key that must be, what is in it, and no key that nobody can explain."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

import redis

from domain import canary, keys
from infra.namespaces import GROUPS
from juliu.faults.check_cells import Wanted, wanted
from juliu.faults.check_truth import Problems, Truth
from juliu.faults.expected import Expected

PARTITION = re.compile(r"\{(\d+)\}")
AT_ONCE = 500
CLOSE = 1e-9
RUN_S, LONGER_S = 2 * 3_600, 2 * 86_400  # lives are renewed by the hour or day; a rebuild may give a little more
MERGED = (keys.PARTITIONS, keys.COUNTERS, keys.HOT, keys.TREND, keys.MERGED)
FREE = tuple(  # families that the fold does not write: what they hold is not looked at
    name.split(":")[0] + ":"
    for name in (
        keys.poison_budget("", "", 0),
        keys.poison_allowed(""),
        keys.CATALOGUE_VERSION,
        keys.REC_CURRENT,
        keys.rec_users("", 0),
    )
)


def names_of(client: redis.Redis) -> dict[int, list[str]]:
    """Every key of the database, by partition; -1: of none."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    for raw in client.scan_iter(count=AT_ONCE):
        name = cast(bytes, raw).decode()
        at = PARTITION.search(name)
        found[int(at[1]) if at else -1].append(name)
    return found


def check_global(names: Iterable[str], found: Problems) -> None:
    """Keys that belong to no partition."""
    for name in names:
        if name not in MERGED and not name.startswith(FREE):
            found.add("a key that nobody can explain", name)


def check_partition(client: redis.Redis, truth: Truth, names: Iterable[str], found: Problems) -> int:
    """All keys of a partition; how many cells of them are wrong."""
    p = truth.partition
    namespace = int(cast(bytes, client.get(keys.namespace(p)) or b"0"))
    must = wanted(truth.expected, p, namespace)
    wrong, there = 0, set()
    for chunk in _chunks(sorted(names)):
        for name, (kind, value, life_s) in zip(chunk, _read(client, chunk), strict=True):
            there.add(name)
            if name in must:
                wrong += _compare(name, must[name], value, life_s, found)
            elif not _other(name, p, namespace):
                found.add("a key that nobody can explain", f"{name} ({kind})")
                wrong += 1
    for name in must.keys() - there:
        if any(must[name].value.values()):
            found.add("a key that is not there", name)
            wrong += 1
    _check_fences(client, truth, namespace, found)
    return wrong


def _check_fences(client: redis.Redis, truth: Truth, namespace: int, found: Problems) -> None:
    last = max((*truth.rows, *truth.late, *truth.poison), default=-1)
    for group in GROUPS:
        fence = client.get(keys.fence(group, namespace, truth.partition))
        if fence is None or not last <= int(cast(bytes, fence)) < max(truth.end, 1):
            found.add("a fence that is not at the end", (group, truth.partition, fence, last, truth.end))


def _other(name: str, p: int, namespace: int) -> bool:
    """Whether it is one of the keys of a partition that hold no cells."""
    single = {keys.namespace(p), keys.block_format(namespace, p), keys.dirty(namespace, p)}
    single |= {keys.fence(group, namespace, p) for group in GROUPS}
    of_viewers = tuple(made(p, 0)[:-1] for made in (keys.served, keys.page, keys.unlocked, keys.cooling))
    return name in single or name.startswith(of_viewers)


def _compare(name: str, must: Wanted, value: Any, life_s: int, found: Problems) -> int:
    """How many cells of a key are wrong."""
    there = must.read(value)
    wrong = 0
    for cell in must.value.keys() | there.keys():
        if not _same(must.value.get(cell, must.empty), there.get(cell, must.empty)):
            found.add(f"wrong {must.what}", f"{name} {cell}: {there.get(cell)} for {must.value.get(cell)}")
            wrong += 1
    if not _lives(must.life_s, life_s):
        found.add("a key with a wrong life", f"{name}: {life_s} s for {must.life_s}")
    return wrong


def _lives(must_s: int, life_s: int) -> bool:
    """Whether a key has the life that it was given, up to RUN_S ago; -1 is for ever."""
    return must_s - RUN_S <= life_s <= must_s + LONGER_S if must_s else life_s == -1


def _same(must: Any, there: Any) -> bool:
    if isinstance(must, float) and isinstance(there, float):
        return math.isclose(must, there, rel_tol=CLOSE)
    return bool(must == there)


def _read(client: redis.Redis, names: Sequence[str]) -> Iterator[tuple[str, Any, int]]:
    """Type, content and life in seconds (-1: for ever) of each key."""
    ask = client.pipeline(transaction=False)
    for name in names:
        ask.type(name)
        ask.ttl(name)
    answers: list[Any] = ask.execute()
    kinds = [kind.decode() for kind in answers[::2]]
    ask = client.pipeline(transaction=False)
    for name, kind in zip(names, kinds, strict=True):
        if kind == "hash":
            ask.hgetall(name)
        elif kind == "zset":
            ask.zrange(name, 0, -1, withscores=True)
        elif kind == "set":
            ask.smembers(name)
        else:
            ask.get(name)
    return iter(list(zip(kinds, ask.execute(raise_on_error=False), answers[1::2], strict=True)))


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for at in range(0, len(names), AT_ONCE):
        yield names[at : at + AT_ONCE]


def wrong_merged(client: redis.Redis, numbers: Mapping[tuple[int, str], int], order: Sequence[str]) -> list[str]:
    """What readers are told that is not the sum over the partitions, in words."""
    must: defaultdict[int, Counter[str]] = defaultdict(Counter)
    for (drama_id, name), number in numbers.items():
        if drama_id != canary.DRAMA_ID:
            must[drama_id][name] += number
    rows = cast(dict[bytes, bytes], client.hgetall(keys.COUNTERS))
    told = {int(drama): dict(zip(order, map(int, row.split(b",")), strict=False)) for drama, row in rows.items()}
    return [
        f"drama {drama_id} {name}: {told.get(drama_id, {}).get(name, 0)} for {must[drama_id][name]}"
        for drama_id in must.keys() | told.keys()
        for name in order
        if told.get(drama_id, {}).get(name, 0) != must[drama_id][name]
    ]


def wrong_hot(client: redis.Redis, heat: Mapping[tuple[str, int, int], float]) -> list[str]:
    """Whether the hot list has the dramas that it must have, in the proportions of their heat."""
    must: Counter[int] = Counter()
    newest = max((epoch for decay, epoch, _ in heat if decay == "hot"), default=0)
    for (decay, epoch, drama_id), weight in heat.items():
        if decay == "hot" and drama_id != canary.DRAMA_ID:
            must[drama_id] += weight * 2.0 ** (400 * (epoch - newest))  # type: ignore[assignment]
    found = cast(list[tuple[bytes, float]], client.zrange(keys.HOT, 0, -1, withscores=True))
    there = {int(drama): score for drama, score in found}
    if must.keys() != there.keys() and len(must) <= keys.HOT_KEPT:
        return [f"the hot list: {len(there)} dramas for {len(must)}"]
    shares = [there[drama] / must[drama] for drama in there if drama in must]
    if shares and not math.isclose(min(shares), max(shares), rel_tol=1e-6):
        return [f"the hot list is out of proportion: {min(shares):.6e} to {max(shares):.6e}"]
    return []


def add_up(expected: Iterable[Expected]) -> tuple[Counter[tuple[int, str]], dict[tuple[str, int, int], float]]:
    """Numbers and heat of all partitions."""
    numbers: Counter[tuple[int, str]] = Counter()
    heat: defaultdict[tuple[str, int, int], float] = defaultdict(float)
    for one in expected:
        numbers.update(one.counts)
        for at, weight in one.heat.items():
            heat[at] += weight
    return numbers, heat
