"""Dramas in MySQL: reading and writing whole dramas, and the counters that give indexes and revisions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from domain.catalogue import Drama
from domain.catalogue_import import DramaLine, EpisodeLine
from infra.catalogue.choices import with_choices
from infra.mysql.tables import catalogue_counters, dramas, episodes, takedowns

Counter = Literal["index", "revision", "base", "publish", "takedowns"]

# one row a drama instead of one an episode: eighty times fewer rows through a driver in Python
_EPISODES = sa.text(
    "SELECT drama_id, COUNT(*) AS how_many, GROUP_CONCAT(duration_ms ORDER BY episode_no SEPARATOR ',') AS durations,"
    " GROUP_CONCAT(media_path ORDER BY episode_no SEPARATOR '\n') AS paths,"
    " GROUP_CONCAT(COALESCE(release_ms, 0) ORDER BY episode_no SEPARATOR ',') AS moments"
    " FROM episodes WHERE drama_id IN :ids GROUP BY drama_id"
).bindparams(sa.bindparam("ids", expanding=True))


class Stored(msgspec.Struct, frozen=True):
    """A drama as it is in MySQL: what was imported, and the index that it was given."""

    index: int
    line: DramaLine


# -- counters --------------------------------------------------------------------------------------------------------


def lock(connection: Connection, name: Counter) -> int:
    """The counter's value; nobody else gets it, or changes it, before this transaction ends."""
    row = sa.select(catalogue_counters.c.value).where(catalogue_counters.c.name == name).with_for_update()
    return int(connection.execute(row).scalar_one())


def value(connection: Connection, name: Counter) -> int:
    """The counter's value, without waiting for its lock."""
    row = sa.select(catalogue_counters.c.value).where(catalogue_counters.c.name == name)
    return int(connection.execute(row).scalar_one())


def put(connection: Connection, name: Counter, number: int) -> None:
    """Write the counter; the caller holds its lock."""
    connection.execute(catalogue_counters.update().where(catalogue_counters.c.name == name).values(value=number))


# -- dramas ----------------------------------------------------------------------------------------------------------


def stored(connection: Connection, drama_ids: Sequence[int]) -> dict[int, Stored]:
    """Those of these dramas (a few hundred) that there are."""
    rows = connection.execute(sa.select(dramas).where(dramas.c.drama_id.in_(drama_ids))).mappings().all()
    found = _episodes(connection, [row["drama_id"] for row in rows])
    return {row["drama_id"]: Stored(row["dense_index"], _line(row, found.get(row["drama_id"], ()))) for row in rows}


def changed_after(connection: Connection, revision: int, limit: int) -> list[int]:
    """Ids of the dramas that changed after this revision, at most `limit`."""
    changed = sa.select(dramas.c.drama_id).where(dramas.c.revision > revision).order_by(dramas.c.drama_id).limit(limit)
    return list(connection.execute(changed).scalars())


def some(connection: Connection, drama_ids: Sequence[int]) -> list[Drama]:
    """These dramas, as they are published."""
    found = stored(connection, drama_ids).values()
    return with_choices(connection, [one.line.drama(one.index) for one in found])


def every(connection: Connection, at_a_time: int) -> Iterator[list[Drama]]:
    """All dramas by id, in lists of `at_a_time`."""
    after = 0
    ids = sa.select(dramas.c.drama_id).order_by(dramas.c.drama_id).limit(at_a_time)
    while page := list(connection.execute(ids.where(dramas.c.drama_id > after)).scalars()):
        yield some(connection, page)
        after = page[-1]


def insert(connection: Connection, lines: Mapping[int, DramaLine], revision: int) -> None:
    """Write new dramas, by the index that each is given."""
    if lines:
        rows = [{**_columns(line), "dense_index": index, "revision": revision} for index, line in lines.items()]
        connection.execute(dramas.insert(), rows)
        _insert_episodes(connection, lines.values())


def replace(connection: Connection, lines: Sequence[DramaLine], revision: int) -> None:
    """Write dramas that there are, whole; each keeps its index."""
    if lines:
        rows = [{**_columns(line), "revision": revision, "the_id": line.drama_id} for line in lines]
        update = dramas.update().where(dramas.c.drama_id == sa.bindparam("the_id"))
        connection.execute(update.values({name: sa.bindparam(name) for name in rows[0] if name != "the_id"}), rows)
        connection.execute(episodes.delete().where(episodes.c.drama_id.in_([line.drama_id for line in lines])))
        _insert_episodes(connection, lines)


# -- take-downs ------------------------------------------------------------------------------------------------------


def taken_down(connection: Connection) -> set[int]:
    """The dramas that must not be shown."""
    return set(connection.execute(sa.select(takedowns.c.drama_id)).scalars())


def known(connection: Connection, drama_id: int) -> bool:
    """Whether there is such a drama."""
    return connection.execute(sa.select(dramas.c.drama_id).where(dramas.c.drama_id == drama_id)).first() is not None


def take_down(connection: Connection, drama_id: int, now_ms: int) -> None:
    """Write that this drama, not taken down so far, must not be shown."""
    connection.execute(takedowns.insert().values(drama_id=drama_id, taken_down_ms=now_ms))


def put_back(connection: Connection, drama_id: int) -> None:
    """Write that this drama may be shown again."""
    connection.execute(takedowns.delete().where(takedowns.c.drama_id == drama_id))


# -- rows to lines and back ------------------------------------------------------------------------------------------


def _episodes(connection: Connection, drama_ids: Sequence[int]) -> dict[int, tuple[EpisodeLine, ...]]:
    if not drama_ids:
        return {}
    return {row.drama_id: _split(row) for row in connection.execute(_EPISODES, {"ids": list(drama_ids)})}


def _split(row: Any) -> tuple[EpisodeLine, ...]:
    durations, paths, moments = row.durations.split(","), row.paths.split("\n"), row.moments.split(",")
    if not len(durations) == len(paths) == len(moments) == row.how_many:
        raise RuntimeError(f"MySQL cut the episodes of drama {row.drama_id} short: raise group_concat_max_len")
    return tuple(
        EpisodeLine(
            episode_no=number, duration_ms=int(duration), media_path=path, release_ms=int(moment) or msgspec.UNSET
        )
        for number, (duration, path, moment) in enumerate(zip(durations, paths, moments, strict=True), 1)
    )


def _line(row: Any, its_episodes: tuple[EpisodeLine, ...]) -> DramaLine:
    return DramaLine(
        drama_id=row["drama_id"],
        title=row["title"],
        category=row["category"],
        tags=tuple(row["tags"]),
        cast=tuple(row["cast_names"]),
        region=row["region"],
        min_age=row["min_age"],
        free_first=row["free_first"],
        price_coins=row["price_coins"],
        published=row["published"],
        series=row["series"],
        episodes=its_episodes,
    )


def _columns(line: DramaLine) -> dict[str, Any]:
    return {
        "drama_id": line.drama_id,
        "title": line.title,
        "category": line.category,
        "tags": list(line.tags),
        "cast_names": list(line.cast),
        "region": line.region,
        "min_age": line.min_age,
        "free_first": line.free_first,
        "price_coins": line.price_coins,
        "published": line.published,
        "series": line.series,
    }


def _insert_episodes(connection: Connection, lines: Iterable[DramaLine]) -> None:
    rows = [
        {
            "drama_id": line.drama_id,
            "episode_no": episode.episode_no,
            "duration_ms": episode.duration_ms,
            "media_path": episode.media_path,
            "release_ms": episode.release_ms or None,
        }
        for line in lines
        for episode in line.episodes
    ]
    connection.execute(episodes.insert(), rows)
