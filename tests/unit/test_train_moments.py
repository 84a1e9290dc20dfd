"""What `juliu train --as-of` takes for a moment."""

from __future__ import annotations

import pytest

from juliu.commands.train import moment_ms

NOW_MS = 1_790_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", NOW_MS),
        (str(NOW_MS), NOW_MS),
        ("1700000000000", 1_700_000_000_000),
        ("2026-05-08", 1_778_169_600_000),  # midnight in Shanghai
        ("2026-05-08T01:30", 1_778_175_000_000),
        ("2026-05-08T01:30:00+00:00", 1_778_203_800_000),
        ("2026-05-08T01:30:00Z", 1_778_203_800_000),
    ],
)
def test_a_moment_is_an_iso_time_of_shanghai_or_unix_milliseconds(text, expected):
    assert moment_ms(text, NOW_MS) == expected


@pytest.mark.parametrize(
    ("text", "why"),
    [
        *((text, "neither") for text in ("", "tomorrow", "-5", "1e9", "2026-13-01", "٣")),
        ("0", "range"),
        (str(2**53), "range"),
        (str(NOW_MS + 1), "future"),
        ("2099-01-01", "future"),
    ],
)
def test_what_is_no_moment_is_told(text, why):
    with pytest.raises(ValueError, match=why):
        moment_ms(text, NOW_MS)
