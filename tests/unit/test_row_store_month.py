"""The month of receipt, which is the partition of the rows: days of Asia/Shanghai."""

from __future__ import annotations

import pytest

from infra.clickhouse.row_store import month


@pytest.mark.parametrize(
    ("received_at_ms", "expected"),
    [
        (1_798_732_799_999, 202612),  # 2026-12-31 23:59:59.999 +08:00
        (1_798_732_800_000, 202701),
        (1_772_294_400_000, 202603),  # 2026-03-01 00:00 +08:00, after a February of 28 days
        (1_772_294_399_999, 202602),
        (1_709_222_399_999, 202402),  # the 29th
        (0, 197001),
        (-(10**30), 190001),
        (10**30, 999912),
    ],
)
def test_a_month_begins_at_midnight_in_shanghai(received_at_ms, expected):
    assert month(received_at_ms) == expected
