"""Which ends of steps of media jobs are in ClickHouse: before their rows in MySQL go."""

from __future__ import annotations

from collections.abc import Sequence

from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.clickhouse.client import connect
from infra.fold_store import Wait
from infra.settings import Settings

_THERE = """
SELECT DISTINCT record_id FROM media_steps
WHERE drama_id = {drama:UInt64} AND episode_no = {episode:UInt32} AND record_id IN {records:Array(String)}
"""


def told(settings: Settings, drama_id: int, episode_no: int, records: Sequence[str]) -> set[str]:
    """Those of these records (domain.media.record) that have a row.  Raises Wait."""
    asked = {"drama": drama_id, "episode": episode_no, "records": list(records)}
    try:
        with connect(settings) as client:
            return {str(one) for (one,) in client.query(_THERE, asked).result_rows}
    except ClickHouseError as error:
        raise Wait("clickhouse", error) from error
