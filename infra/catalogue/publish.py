"""MySQL to Redis: what changed as a delta, or everything as a new base; readers see the old or the new, never between.

A row lock lets one publisher work at a time.  One that lost it unknowingly (its connection died) does no harm, for each
base has a number of its own, and the version moves only from the version that the work was based on.
A crash anywhere leaves readers where they were; the next publisher works out again what they lack.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import msgspec
from sqlalchemy.engine import Connection, Engine

from infra.catalogue import rows
from infra.catalogue.form import (
    CHUNK_DRAMAS,
    DELTA_DRAMAS,
    DELTAS_KEPT,
    CatalogueDamaged,
    Delta,
    Meta,
    Version,
    chunk_of,
    delta_of,
    digest_of,
    meta_of,
    read_meta,
)
from infra.catalogue.shelf import Shelf

ATTEMPTS = 3
UNFINISHED_KEPT = 64  # how far back a new base looks for bases that a crash left unfinished


class PublishRaced(RuntimeError):
    """Others moved the version each time that this publisher was ready; publish again."""


class Published(msgspec.Struct, frozen=True):
    """What readers were given: the version they follow now, and how many dramas it took."""

    what: Literal["nothing", "delta", "base"]
    version: str
    dramas: int = 0


def publish(engine: Engine, shelf: Shelf, *, afresh: bool = False) -> Published:
    """Give readers what MySQL holds; `afresh` makes a new base in any case.

    Raises PublishRaced, sqlalchemy.exc.OperationalError or redis.RedisError; readers then have the old or the new.
    Raises CatalogueDamaged, saying what to delete, where Redis holds what no publisher put there.
    """
    with engine.begin() as holder:
        of_us = rows.lock(holder, "publish")  # the base that this MySQL published last
        reconcile_takedowns(engine, shelf)
        for _ in range(ATTEMPTS):
            done = _attempt(engine, shelf, of_us, afresh)
            if done:
                rows.put(holder, "publish", Version.parse(done.version.encode()).base)
                return done
    raise PublishRaced(f"another publisher was faster {ATTEMPTS} times; publish again")


def reconcile_takedowns(engine: Engine, shelf: Shelf) -> None:
    """Make the take-downs in Redis those of MySQL (Redis may have lost some, or a take-down was broken off)."""
    with engine.begin() as holder:
        rows.lock(holder, "takedowns")
        wanted, there = rows.taken_down(holder), shelf.takedowns()
        if wanted != there:
            shelf.take_down(wanted - there, there - wanted)


def _attempt(engine: Engine, shelf: Shelf, of_us: int, afresh: bool) -> Published | None:
    at = shelf.version()
    with _snapshot(engine) as snapshot:
        revision = rows.value(snapshot, "revision")
        # an empty Redis, a version that this MySQL did not publish (one of the two was replaced), or keys that are lost
        if afresh or at is None or at.base != of_us or at.revision > revision or not _whole(shelf, at):
            return _new_base(engine, snapshot, shelf, at, revision)
        changed = rows.changed_after(snapshot, at.revision, DELTA_DRAMAS + 1)
        if not changed:
            return Published("nothing", str(at))
        if len(changed) > DELTA_DRAMAS or at.deltas >= DELTAS_KEPT:
            return _new_base(engine, snapshot, shelf, at, revision)
        return _new_delta(snapshot, shelf, at, revision, changed)


def _whole(shelf: Shelf, at: Version) -> bool:
    meta = _meta(shelf, at.base)
    return meta is not None and shelf.whole(at, len(meta.chunks))


def _new_delta(snapshot: Connection, shelf: Shelf, at: Version, revision: int, changed: list[int]) -> Published | None:
    dramas = rows.some(snapshot, changed)
    new = Version(at.base, at.deltas + 1, revision)
    delta = delta_of(Delta(after=at.revision, revision=revision, dramas=dramas))
    return Published("delta", str(new), len(dramas)) if shelf.push(at, new, delta) else None


def _new_base(
    engine: Engine, snapshot: Connection, shelf: Shelf, at: Version | None, revision: int
) -> Published | None:
    number = _next_base(engine, at)
    chunks, dramas = [], 0
    for page in rows.every(snapshot, CHUNK_DRAMAS):
        chunks.append(chunk_of(page))
        dramas += len(page)
    previous = at.base if at else None
    meta = Meta(revision=revision, dramas=dramas, chunks=[digest_of(chunk) for chunk in chunks], previous=previous)
    shelf.put_meta(number, meta_of(meta))
    for position, chunk in enumerate(chunks):
        shelf.put_chunk(number, position, chunk)
    new = Version(number, 0, revision)
    if not shelf.switch(at, new):
        shelf.forget(number, len(chunks))
        return None
    _forget_old(shelf, number, previous)
    return Published("base", str(new), dramas)


def _next_base(engine: Engine, at: Version | None) -> int:
    """A number that no other attempt has or will have: given, and committed, before anything is written under it."""
    with engine.begin() as holder:
        number = max(rows.lock(holder, "base"), at.base if at else 0) + 1
        rows.put(holder, "base", number)
    return number


def _forget_old(shelf: Shelf, current: int, previous: int | None) -> None:
    """Keep this base and the one before (some are still reading it); forget older ones and those never finished."""
    old = set(range(max(1, current - UNFINISHED_KEPT), current)) - {previous}
    before = _meta(shelf, previous) if previous else None
    if before and before.previous:
        old.add(before.previous)
    for number in sorted(old):
        if meta := _meta(shelf, number):
            shelf.forget(number, len(meta.chunks))


def _meta(shelf: Shelf, base: int) -> Meta | None:
    """A base's meta; None where there is none that this version of juliu can read."""
    raw = shelf.meta(base)
    try:
        return read_meta(raw) if raw else None
    except CatalogueDamaged:
        return None


@contextmanager
def _snapshot(engine: Engine) -> Iterator[Connection]:
    """All reads see one moment, so that a drama and its episodes belong together and none falls between pages."""
    with engine.connect() as connection:
        connection.execution_options(isolation_level="REPEATABLE READ")
        with connection.begin():
            yield connection
