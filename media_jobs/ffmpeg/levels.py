"""One loudness for all episodes (EBU R 128): measured when a file is checked, set when it is encoded.

-16 LUFS is the loud end of what EBU R 128 s2 recommends for streaming: phones' speakers need it.  With what was
measured, loudnorm works linearly (one gain) where the true peak allows, and compresses where it does not.
"""

from __future__ import annotations

from domain.media.report import Loudness

INTEGRATED_LUFS, TRUE_PEAK_DBTP, RANGE_LU = -16.0, -1.5, 11.0
RATE = 48_000
_TARGET = f"loudnorm=I={INTEGRATED_LUFS}:TP={TRUE_PEAK_DBTP}:LRA={RANGE_LU}"
_STEREO = f"aresample={RATE}:async=1:first_pts=0,aformat=channel_layouts=stereo"  # measured as it will be heard
MEASURE = f"{_STEREO},{_TARGET}:print_format=json"


def levelled(loudness: Loudness | None) -> str:
    """The filters that make any sound stereo, without holes, and as loud as all; silence stays silence."""
    return f"{_STEREO},{_TARGET}:{_known(loudness)},aresample={RATE}" if loudness else _STEREO


def _known(loudness: Loudness) -> str:
    """What was measured, cut to what the filter takes."""
    measured = {
        "I": _within(loudness.integrated, -99, 0),
        "TP": _within(loudness.true_peak, -99, 99),
        "LRA": _within(loudness.range_lu, 0, 99),
        "thresh": _within(loudness.threshold, -99, 0),
    }
    return ":".join(f"measured_{name}={value:.2f}" for name, value in measured.items()) + ":linear=true"


def _within(value: float, least: float, most: float) -> float:
    return min(max(value, least), most)
