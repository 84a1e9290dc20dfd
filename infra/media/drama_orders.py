"""What people write about a drama on WeChat: its papers, its record number, its tick; each with its order's record.

What is so already changes nothing and is no order.  The drama's row is locked first, so two people are one after the
other.
"""

from __future__ import annotations

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import IntegrityError

from domain.media.orders import By, What
from domain.media.wechat_drama import Dossier, number_trouble
from infra.media import orders
from infra.media.drama_book import OtherNumber, UnknownDrama, check_seen
from infra.media.wechat_tables import wechat_dramas

_D = wechat_dramas.c
_PUT = sa.text(  # the tick is for the number that was seen: assignments go from left to right, so it is looked at first
    "INSERT INTO wechat_dramas (drama_id, record_number, ticked_by, ticked_ms, dossier, platform_id, audit, audit_note,"
    " submitted_ms, audited_ms, updated_ms) VALUES (:drama_id, :number, '', 0, :dossier, NULL, 0, '', 0, 0, :now_ms)"
    " ON DUPLICATE KEY UPDATE ticked_by = IF(record_number = VALUES(record_number), ticked_by, ''),"
    " ticked_ms = IF(record_number = VALUES(record_number), ticked_ms, 0),"
    " record_number = VALUES(record_number), dossier = VALUES(dossier), updated_ms = VALUES(updated_ms)"
)


def put(connection: Connection, dossier: Dossier, by: By, now_ms: int, seen: str | None = None) -> None:
    """See DramaBook."""
    there = _dossier(connection, dossier.drama_id)
    if there == dossier:
        return
    check_seen(there, seen)
    text = msgspec.json.encode(dossier).decode()
    row = {"drama_id": dossier.drama_id, "number": dossier.record_number, "dossier": text, "now_ms": now_ms}
    try:
        connection.execute(_PUT, row)
    except IntegrityError as error:
        raise UnknownDrama(f"there is no drama {dossier.drama_id} in the catalogue") from error
    order = orders.ordered(by, What.PUT, now_ms, dossier.drama_id, detail=dossier.record_number)
    orders.write(connection, order)


def number(connection: Connection, drama_id: int, record_number: str, by: By, now_ms: int) -> None:
    """See DramaBook."""
    if why := number_trouble(record_number):
        raise ValueError(why)
    dossier = _known(_dossier(connection, drama_id), drama_id)
    put(connection, msgspec.structs.replace(dossier, record_number=record_number), by, now_ms)


def tick(connection: Connection, drama_id: int, record_number: str, by: By, now_ms: int) -> None:
    """See DramaBook."""
    if _known(_dossier(connection, drama_id), drama_id).record_number != record_number or not record_number:
        raise OtherNumber("that is not the record number that was handed in")
    first = (_D.drama_id == drama_id) & (_D.ticked_ms == 0)
    update = sa.update(wechat_dramas).where(first).values(ticked_by=by.who, ticked_ms=now_ms)
    if connection.execute(update).rowcount:
        orders.write(connection, orders.ordered(by, What.TICK, now_ms, drama_id, detail=record_number))


def _dossier(connection: Connection, drama_id: int) -> Dossier | None:
    """What was handed in, locked; None: nothing."""
    found = connection.scalar(sa.select(_D.dossier).where(_D.drama_id == drama_id).with_for_update())
    return None if found is None else msgspec.convert(found, Dossier)


def _known(dossier: Dossier | None, drama_id: int) -> Dossier:
    if dossier is None:
        raise UnknownDrama(f"nothing was handed in for drama {drama_id}")
    return dossier
