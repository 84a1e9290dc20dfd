"""The DramaBook in MySQL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from domain.media.orders import By
from domain.media.wechat_drama import Audit, Dossier
from domain.releases import in_order
from infra.fold_store import Wait
from infra.media import drama_orders
from infra.media.drama_book import (
    MAX_ASKED,
    NOTE_LENGTH,
    Media,
    Standing,
    UnknownDrama,
    check_limit,
    checked,
    who,
)
from infra.media.transaction import transact
from infra.media.wechat_tables import wechat_dramas, wechat_episodes
from infra.money.attempts import MoneyUnavailable, answers

_D, _E = wechat_dramas.c, wechat_episodes.c
_SENT = sa.text(  # assignments go from left to right
    "UPDATE wechat_episodes SET next_media_id ="
    " CASE next_media_id WHEN :media_id THEN 0 WHEN 0 THEN media_id ELSE next_media_id END, media_id = :media_id"
    " WHERE drama_id = :drama_id AND episode_no = :episode_no AND media_id <> :media_id"
)
_MOMENTS = sa.text("SELECT COALESCE(release_ms, 0) FROM episodes WHERE drama_id = :drama_id ORDER BY episode_no")
_PLAYS = sa.text(
    "SELECT e.drama_id, e.episode_no, e.media_id FROM wechat_episodes e"
    " JOIN wechat_dramas w ON w.drama_id = e.drama_id JOIN dramas d ON d.drama_id = e.drama_id"
    " LEFT JOIN takedowns t ON t.drama_id = e.drama_id"
    " WHERE w.audit = 3 AND w.ticked_ms > 0 AND d.published AND t.drama_id IS NULL"
    " AND (e.drama_id, e.episode_no) IN :pairs"
).bindparams(sa.bindparam("pairs", expanding=True))


class Dramas:
    """Blocks; call it in a thread.  Every call may raise Wait: MySQL does not answer, and it may be repeated."""

    def __init__(self, engine: Engine, now_ms: Callable[[], int]) -> None:
        self._engine, self._now_ms = engine, now_ms

    # -- by people ---------------------------------------------------------------------------------------------------

    def put(self, dossier: Dossier, by: By, seen: str | None = None) -> None:
        """See DramaBook."""
        checked(dossier, by)
        self._ordered(partial(drama_orders.put, dossier=dossier, by=by, seen=seen))

    def number(self, drama_id: int, record_number: str, by: By) -> None:
        """See DramaBook."""
        who(by)
        self._ordered(partial(drama_orders.number, drama_id=drama_id, record_number=record_number, by=by))

    def tick(self, drama_id: int, record_number: str, by: By) -> None:
        """See DramaBook."""
        who(by)
        self._ordered(partial(drama_orders.tick, drama_id=drama_id, record_number=record_number, by=by))

    # -- the drama ---------------------------------------------------------------------------------------------------

    def standing(self, drama_id: int) -> Standing:
        """How it stands.  Raises UnknownDrama where nothing was handed in."""
        with self._asked() as connection:
            row = connection.execute(sa.select(wechat_dramas).where(_D.drama_id == drama_id)).mappings().first()
        if row is None:
            raise UnknownDrama(f"nothing was handed in for drama {drama_id}")
        return _standing(row)

    def listed(self, audit: Audit | None, after_id: int, limit: int) -> list[Standing]:
        """See DramaBook."""
        check_limit(limit)
        which = sa.select(wechat_dramas).where(_D.drama_id > after_id).order_by(_D.drama_id).limit(limit)
        its = which if audit is None else which.where(_D.audit == int(audit))
        with self._asked() as connection:
            return [_standing(row) for row in connection.execute(its).mappings()]

    def submitted(self, drama_id: int, platform_id: int, submitted_ms: int, media: Mapping[int, int]) -> None:
        """See DramaBook."""
        theirs = (_D.drama_id == drama_id) & (_D.submitted_ms < submitted_ms)
        stands = {"platform_id": platform_id, "audit": int(Audit.PENDING), "audit_note": ""}
        row = sa.update(wechat_dramas).where(theirs)
        with self._asked() as connection:
            found = connection.execute(row.values(submitted_ms=submitted_ms, updated_ms=self._now_ms(), **stands))
            for episode_no, media_id in media.items() if found.rowcount else ():
                connection.execute(_SENT, {"drama_id": drama_id, "episode_no": episode_no, "media_id": media_id})

    def audited(self, drama_id: int, audit: Audit, note: str = "") -> None:
        """See DramaBook."""
        values = {"audit": int(audit), "audit_note": note[:NOTE_LENGTH], "audited_ms": self._now_ms()}
        late = (_D.audit == int(Audit.PASSED)) & sa.literal(audit is Audit.PENDING)
        self._do(sa.update(wechat_dramas).where((_D.drama_id == drama_id) & ~late).values(**values))

    def drama_of(self, platform_id: int) -> int | None:
        """Our id of WeChat's drama."""
        with self._asked() as connection:
            return connection.scalar(sa.select(_D.drama_id).where(_D.platform_id == platform_id))

    def passed(self, limit: int) -> list[int]:
        """Dramas that play, those first that were not asked about for longest."""
        which = sa.select(_D.drama_id).where(_D.audit == int(Audit.PASSED)).order_by(_D.audited_ms, _D.drama_id)
        with self._asked() as connection:
            return list(connection.scalars(which.limit(limit)))

    def episodes(self, drama_id: int) -> int:
        """How many episodes the catalogue has of it."""
        count = sa.text("SELECT COUNT(*) FROM episodes WHERE drama_id = :drama_id")
        with self._asked() as connection:
            return int(connection.scalar(count, {"drama_id": drama_id}) or 0)

    def releases(self, drama_id: int) -> Sequence[int]:
        """See DramaBook."""
        with self._asked() as connection:
            moments = list(connection.scalars(_MOMENTS, {"drama_id": drama_id}))
        return in_order(moments) or moments

    # -- its episodes ------------------------------------------------------------------------------------------------

    def media(self, drama_id: int) -> Mapping[int, Media]:
        """Media of each episode that has any, by number."""
        with self._asked() as connection:
            rows = connection.execute(sa.select(wechat_episodes).where(_E.drama_id == drama_id)).mappings()
            return {row["episode_no"]: Media(*(row[name] for name in Media._fields)) for row in rows}

    def uploaded(self, drama_id: int, episode_no: int, media_id: int, title: str, made_ms: int) -> bool:
        """An episode has this media now; in a drama that was submitted it waits for its turn.  May be repeated.

        False, and nothing is changed, where a job that was made later has put its own.
        """
        key = {"drama_id": drama_id, "episode_no": episode_no}
        with self._asked() as connection:
            sent = connection.scalar(sa.select(_D.platform_id).where(_D.drama_id == drama_id).with_for_update())
            ours = (_E.drama_id == drama_id) & (_E.episode_no == episode_no)
            row = connection.execute(sa.select(wechat_episodes).where(ours).with_for_update()).mappings().first()
            if row is not None and row["made_ms"] > made_ms:
                return False
            values = {"title": title, "made_ms": made_ms, "updated_ms": self._now_ms()}
            if row is None:
                row_of = {**key, "media_id": media_id, "next_media_id": 0, **values}
                connection.execute(sa.insert(wechat_episodes).values(**row_of))
            else:
                waits = sent is not None and row["media_id"] != media_id
                place = {"next_media_id": media_id} if waits else {"media_id": media_id, "next_media_id": 0}
                connection.execute(sa.update(wechat_episodes).where(ours).values(**place, **values))
            return True

    def replaced(self, drama_id: int, episode_no: int, media_id: int) -> None:
        """WeChat plays this one now, which was to take the other's place.  May be repeated."""
        self._do(_moved(drama_id, episode_no, media_id))

    def plays(self, pairs: Collection[tuple[int, int]]) -> Mapping[tuple[int, int], int]:
        """Media ids of those (drama, episode)s that may play now: passed, ticked, published, not taken down."""
        if len(pairs) > MAX_ASKED:
            raise ValueError(f"{len(pairs)} episodes, more than {MAX_ASKED}")
        if not pairs:
            return {}
        with self._asked() as connection:
            rows = connection.execute(_PLAYS, {"pairs": sorted(pairs)})
            return {(drama_id, episode_no): media_id for drama_id, episode_no, media_id in rows}

    def _ordered(self, order: Callable[..., None]) -> None:
        """A transaction that is tried again where two people are in each other's way."""
        transact(self._engine, lambda connection: order(connection, now_ms=self._now_ms()))

    def _do(self, statement: sa.Executable, row: Mapping[str, object] | None = None) -> None:
        with self._asked() as connection:
            connection.execute(statement, row or {})

    @contextmanager
    def _asked(self) -> Iterator[Connection]:
        try:
            with answers(), self._engine.begin() as connection:
                yield connection
        except MoneyUnavailable as error:
            raise Wait("mysql", error) from error


def _standing(row: sa.RowMapping) -> Standing:
    return Standing(
        msgspec.convert(row["dossier"], Dossier), row["ticked_by"], row["ticked_ms"], row["platform_id"],
        Audit(row["audit"]), row["audit_note"], row["submitted_ms"], row["audited_ms"],
    )  # fmt: skip


def _moved(drama_id: int, episode_no: int, media_id: int) -> sa.Update:
    ours = (_E.drama_id == drama_id) & (_E.episode_no == episode_no) & (_E.next_media_id == media_id)
    return sa.update(wechat_episodes).where(ours).values(media_id=media_id, next_media_id=0)
