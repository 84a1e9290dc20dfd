"""How far ffmpeg is, read from its `-progress`."""

from __future__ import annotations


class Progress:
    """Fed with lines.  `out_ms`: time of the furthest frame that came out; `frames`: how many of picture."""

    def __init__(self, duration_ms: int) -> None:
        self._duration_ms, self.out_ms, self.frames = duration_ms, 0, 0

    def line(self, text: str) -> None:
        """`name=value`; other names, and values that are no numbers yet (`N/A`), say nothing."""
        name, _, value = text.partition("=")
        if value.strip().isdigit():
            if name == "out_time_us":
                self.out_ms = max(self.out_ms, int(value) // 1000)
            elif name == "frame":
                self.frames = int(value)

    def permille(self) -> int:
        """0..1000 of the length that was told; 0 while none is known."""
        return min(1000, 1000 * self.out_ms // self._duration_ms) if self._duration_ms > 0 else 0
