"""The DramaBook in memory: the twin of infra.media.dramas.  Set `away`, and nothing answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

import msgspec

from domain.media.orders import By, Ordered, What
from domain.media.wechat_drama import Audit, Dossier, number_trouble
from domain.releases import in_order
from infra.fold_store import Wait
from infra.media.drama_book import (
    MAX_ASKED,
    NOTE_LENGTH,
    Media,
    OtherNumber,
    Standing,
    UnknownDrama,
    check_limit,
    check_seen,
    checked,
    who,
)
from infra.media.orders import ordered


@dataclass
class MemoryDramas:
    """`catalogue`: drama -> how many episodes; `hidden`: dramas that are taken down or unpublished.

    `moments`: drama -> when its episodes are released."""

    now_ms: Callable[[], int]
    catalogue: dict[int, int] = field(default_factory=dict)
    hidden: set[int] = field(default_factory=set)
    orders: list[Ordered] = field(default_factory=list)
    away: bool = False
    moments: dict[int, list[int]] = field(default_factory=dict)
    _dramas: dict[int, Standing] = field(default_factory=dict)
    _media: dict[tuple[int, int], Media] = field(default_factory=dict)

    def put(self, dossier: Dossier, by: By, seen: str | None = None) -> None:
        self._answers()
        checked(dossier, by)
        if dossier.drama_id not in self.catalogue:
            raise UnknownDrama(str(dossier.drama_id))
        was = self._dramas.get(dossier.drama_id)
        if was is None or was.dossier != dossier:
            check_seen(was.dossier if was else None, seen)
        if was is None:
            self._dramas[dossier.drama_id] = Standing(dossier, "", 0, None, Audit.NONE, "", 0, 0)
        elif was.dossier == dossier:
            return
        else:
            same = was.dossier.record_number == dossier.record_number
            tick = {} if same else {"ticked_by": "", "ticked_ms": 0}
            self._dramas[dossier.drama_id] = was._replace(dossier=dossier, **tick)
        self._ordered(by, What.PUT, dossier.drama_id, dossier.record_number)

    def number(self, drama_id: int, record_number: str, by: By) -> None:
        if why := number_trouble(record_number):
            raise ValueError(why)
        dossier = self.standing(drama_id).dossier
        self.put(msgspec.structs.replace(dossier, record_number=record_number), by)

    def tick(self, drama_id: int, record_number: str, by: By) -> None:
        who(by)
        standing = self.standing(drama_id)
        if not record_number or standing.dossier.record_number != record_number:
            raise OtherNumber("that is not the record number that was handed in")
        if not standing.ticked_ms:
            self._dramas[drama_id] = standing._replace(ticked_by=by.who, ticked_ms=self.now_ms())
            self._ordered(by, What.TICK, drama_id, record_number)

    def listed(self, audit: Audit | None, after_id: int, limit: int) -> list[Standing]:
        self._answers()
        check_limit(limit)
        found = (its for one, its in sorted(self._dramas.items()) if one > after_id)
        return [its for its in found if audit is None or its.audit is audit][:limit]

    def _ordered(self, by: By, what: What, drama_id: int, detail: str) -> None:
        self.orders.append(ordered(by, what, self.now_ms(), drama_id, detail=detail))

    def _answers(self) -> None:
        if self.away:
            raise Wait("mysql", "away")

    def standing(self, drama_id: int) -> Standing:
        self._answers()
        try:
            return self._dramas[drama_id]
        except KeyError as error:
            raise UnknownDrama(str(drama_id)) from error

    def submitted(self, drama_id: int, platform_id: int, submitted_ms: int, media: Mapping[int, int]) -> None:
        was = self._dramas.get(drama_id)
        if was is None or was.submitted_ms >= submitted_ms:
            return
        now = {"platform_id": platform_id, "audit": Audit.PENDING, "audit_note": "", "submitted_ms": submitted_ms}
        self._dramas[drama_id] = was._replace(**now)
        for episode_no, media_id in media.items():
            was_there = self._media.get((drama_id, episode_no))
            if was_there is not None and was_there.media_id != media_id:
                left = 0 if was_there.next_media_id == media_id else was_there.next_media_id or was_there.media_id
                self._media[drama_id, episode_no] = was_there._replace(media_id=media_id, next_media_id=left)

    def audited(self, drama_id: int, audit: Audit, note: str = "") -> None:
        late = audit is Audit.PENDING and drama_id in self._dramas and self._dramas[drama_id].audit is Audit.PASSED
        if drama_id in self._dramas and not late:
            now = {"audit": audit, "audit_note": note[:NOTE_LENGTH], "audited_ms": self.now_ms()}
            self._dramas[drama_id] = self._dramas[drama_id]._replace(**now)

    def drama_of(self, platform_id: int) -> int | None:
        found = [one for one, standing in self._dramas.items() if standing.platform_id == platform_id]
        return found[0] if found else None

    def passed(self, limit: int) -> list[int]:
        found = [(its.audited_ms, one) for one, its in self._dramas.items() if its.audit is Audit.PASSED]
        return [one for _, one in sorted(found)[:limit]]

    def episodes(self, drama_id: int) -> int:
        return self.catalogue.get(drama_id, 0)

    def releases(self, drama_id: int) -> Sequence[int]:
        return in_order(self.moments.get(drama_id, ())) or [0] * self.episodes(drama_id)

    def media(self, drama_id: int) -> Mapping[int, Media]:
        return {episode_no: one for (drama, episode_no), one in self._media.items() if drama == drama_id}

    def uploaded(self, drama_id: int, episode_no: int, media_id: int, title: str, made_ms: int) -> bool:
        was, key = self._media.get((drama_id, episode_no)), (drama_id, episode_no)
        if was is not None and was.made_ms > made_ms:
            return False
        sent = drama_id in self._dramas and self._dramas[drama_id].platform_id is not None
        waits = was is not None and sent and was.media_id != media_id
        self._media[key] = Media(was.media_id if was and waits else media_id, media_id if waits else 0, title, made_ms)
        return True

    def replaced(self, drama_id: int, episode_no: int, media_id: int) -> None:
        was = self._media.get((drama_id, episode_no))
        if was is not None and was.next_media_id == media_id:
            self._media[drama_id, episode_no] = was._replace(media_id=media_id, next_media_id=0)

    def plays(self, pairs: Collection[tuple[int, int]]) -> Mapping[tuple[int, int], int]:
        if len(pairs) > MAX_ASKED:
            raise ValueError(f"more than {MAX_ASKED}")
        return {pair: self._media[pair].media_id for pair in pairs if pair in self._media and self._plays(pair[0])}

    def _plays(self, drama_id: int) -> bool:
        its = self._dramas.get(drama_id)
        return bool(its and its.audit is Audit.PASSED and its.ticked_ms) and drama_id not in self.hidden
