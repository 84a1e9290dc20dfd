"""What decoding a whole file found: how long it really is, how loud, where it is black or silent, what is damaged."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Span:
    """A stretch of the episode."""

    from_ms: int
    to_ms: int

    @property
    def ms(self) -> int:
        """Its length."""
        return max(0, self.to_ms - self.from_ms)


@dataclass(frozen=True)
class Loudness:
    """EBU R 128: integrated (LUFS), true peak (dBTP), range (LU), the gate's threshold (LUFS)."""

    integrated: float
    true_peak: float
    range_lu: float
    threshold: float


@dataclass(frozen=True)
class Report:
    """`loudness` is None where there is no sound track, or nothing on it; spans are in order, at most SPANS of each."""

    decoded_ms: int
    frames: int
    damaged: int  # complaints of the decoders
    loudness: Loudness | None
    black: tuple[Span, ...]
    silent: tuple[Span, ...]


SPANS = 200


def total_ms(spans: tuple[Span, ...]) -> int:
    """Time that the spans cover; they do not overlap."""
    return sum(span.ms for span in spans)
