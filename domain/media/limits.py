"""What a file may ask of us at most: bounds of the material, and of the programs that open it."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Bounds of one episode's file.  The defaults fit dramas of 1-3 minutes with room, on two cores."""

    duration_ms: int = 3_600_000  # an hour: dramas' episodes are minutes; a 10 h claim is a mistake or an attack
    shortest_ms: int = 1_000  # less shows nothing
    pixels: int = 4096 * 2304  # of one frame; cameras' 4K has 8.8 million
    shortest_side: int = 64  # below it there is nothing to see, and encoders refuse
    longest_ratio: float = 4.0  # of the long side to the short one
    streams: int = 32
    file_bytes: int = 8 * 1024 * MIB
    memory_mb: int = 2_048  # resident, of one program; the ladder from 1080p was measured at 0.5-0.9 GB
    address_mb: int = 6_144  # address space, hard: what threads reserve without using it is in it
    wall_factor: float = 20.0  # seconds of wall a second of video may take; measured: 0.5 (ultrafast) to 4 (medium)
    cpu_factor: float = 16.0  # the same for CPU
    least_s: float = 60.0  # whatever the video's length

    def wall_s(self, duration_ms: int) -> float:
        """How long a program may run on a video of `duration_ms`, by the clock."""
        return self.least_s + self.wall_factor * duration_ms / 1000

    def cpu_s(self, duration_ms: int) -> float:
        """How much CPU it may use."""
        return self.least_s + self.cpu_factor * duration_ms / 1000
