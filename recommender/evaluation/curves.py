"""Lines in a picture, as SVG inside a page: how much of all places the n most shown items have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

WIDTH, HEIGHT = 900, 380
LEFT, RIGHT, TOP, BOTTOM = 60, 220, 15, 45  # margins: scales, and the legend on the right
COLOURS = ("#0b62a4", "#c8480c", "#2b8a3e", "#8d3fb0", "#b8860b", "#0f8b8d", "#b02a5b", "#5a6b7b", "#6d4c2f", "#4653c4")
LINE = 18  # of the legend


class Curve(NamedTuple):
    """Points (n, share): n from 1 up, share 0..1."""

    name: str
    points: Sequence[tuple[int, float]]
    dashed: bool = False


def drawing(curves: Sequence[Curve]) -> str:
    """n is on a logarithmic scale.  Without a point: an empty frame."""
    most = max((n for curve in curves for n, _ in curve.points), default=1)
    height = max(HEIGHT, TOP + BOTTOM + LINE * len(curves))
    inner = [*_scales(most, height)]
    for number, curve in enumerate(curves):
        colour = "#222" if curve.dashed else COLOURS[number % len(COLOURS)]
        inner += _drawn(curve, colour, TOP + LINE * (number + 0.5), most, height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
        ' role="img" aria-label="share of all places by the most shown items" font-family="system-ui, sans-serif"'
        ' font-size="12">' + "".join(inner) + "</svg>"
    )


def _x(n: int, most: int) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * math.log(n) / math.log(max(most, 2))


def _y(share: float, height: int) -> float:
    return TOP + (height - TOP - BOTTOM) * (1 - share)


def _scales(most: int, height: int) -> list[str]:
    right, low = WIDTH - RIGHT, height - BOTTOM
    found = []
    for tenth in range(0, 11, 2):
        y = _y(tenth / 10, height)
        found.append(f'<path d="M{LEFT} {y:.1f}H{right}" stroke="#ddd"/>')
        found.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{tenth * 10} %</text>')
    for power in range(len(str(most))):
        x = _x(10**power, most)
        found.append(f'<path d="M{x:.1f} {TOP}V{low}" stroke="#eee"/>')
        found.append(f'<text x="{x:.1f}" y="{low + 18}" text-anchor="middle">{10**power:,}</text>')
    found.append(f'<text x="{(LEFT + right) / 2}" y="{low + 37}" text-anchor="middle">the most shown items</text>')
    return found


def _drawn(curve: Curve, colour: str, y: float, most: int, height: int) -> list[str]:
    dash = ' stroke-dasharray="5 4"' if curve.dashed else ""
    line = " ".join(f"{_x(n, most):.1f},{_y(share, height):.1f}" for n, share in curve.points)
    x = WIDTH - RIGHT + 15
    return [
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>',
        f'<path d="M{x} {y:.1f}h24" stroke="{colour}" stroke-width="2"{dash}/>',
        f'<text x="{x + 30}" y="{y + 4:.1f}">{escape(curve.name)}</text>',
    ]
