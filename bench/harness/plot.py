# SPDX-License-Identifier: MIT
"""Draws distributions of times as an SVG file: what part of all operations takes longer than what.

A complementary cumulative distribution on two logarithmic axes shows the rare and the common at
once; percentiles are its horizontal lines. Colours follow the reader's light or dark scheme.
"""

import math
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT = 860, 500
LEFT, RIGHT, TOP, BOTTOM = 104, 28, 84, 64
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-size: 16px; font-weight: 600; }
.back { fill: #ffffff; }
.grid { stroke: #d8dee4; stroke-width: 1; }
.curve { fill: none; stroke-width: 2.4; stroke-linejoin: round; }
.quiet { stroke-width: 1.6; stroke-dasharray: 3 4; }
.c0 { stroke: #c2410c; } .c1 { stroke: #1d4ed8; } .c2 { stroke: #15803d; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .back { fill: #0d1117; }
  .grid { stroke: #30363d; }
  .c0 { stroke: #fb923c; } .c1 { stroke: #79b8ff; } .c2 { stroke: #56d364; }
}
"""


@dataclass(frozen=True)
class Curve:
    """One distribution: one in points[i][0] operations took longer than points[i][1]."""

    label: str
    points: list[tuple[float, float]]
    colour: int
    quiet: bool = False  # drawn dashed, as what the others are compared with

    @property
    def kind(self) -> str:
        """Its classes in STYLE."""
        return f"curve c{self.colour}{' quiet' if self.quiet else ''}"


def distribution_svg(title: str, x_label: str, y_label: str, curves: list[Curve]) -> str:
    """The whole file. Every curve must have points; times of 0 are drawn at the left edge."""
    axes = _Axes(curves)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="back" width="{WIDTH}" height="{HEIGHT}"/>',
        _text(LEFT, 28, title, "start", "title"),
        *axes.grid(),
        _text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16, x_label),
        f'<g transform="translate(18 {(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)">'
        f"{_text(0, 0, y_label)}</g>",
    ]
    for curve in curves:
        places = " ".join(
            f"{axes.x(time):.1f},{axes.y(one_in):.1f}" for one_in, time in curve.points
        )
        parts.append(f'<polyline class="{curve.kind}" points="{places}"/>')
    parts += _legend(curves)
    return "\n".join([*parts, "</svg>", ""])


class _Axes:
    def __init__(self, curves: list[Curve]) -> None:
        points = [point for curve in curves for point in curve.points]
        times = [max(time, 1.0) for _, time in points]
        self._first = math.floor(math.log10(min(times)))
        self._last = max(math.ceil(math.log10(max(times))), self._first + 1)
        self._depth = max(math.ceil(math.log10(max(one_in for one_in, _ in points))), 1)

    def x(self, time: float) -> float:
        part = (math.log10(max(time, 1.0)) - self._first) / (self._last - self._first)
        return LEFT + max(part, 0.0) * (WIDTH - LEFT - RIGHT)

    def y(self, one_in: float) -> float:
        return TOP + math.log10(one_in) / self._depth * (HEIGHT - TOP - BOTTOM)

    def grid(self) -> list[str]:
        parts = []
        for decade in range(self._first, self._last + 1):
            x = self.x(10.0**decade)
            parts.append(_line(x, TOP, x, HEIGHT - BOTTOM))
            parts.append(_text(x, HEIGHT - BOTTOM + 20, _short(10**decade)))
        for decade in range(self._depth + 1):
            y = self.y(10.0**decade)
            parts.append(_line(LEFT, y, WIDTH - RIGHT, y))
            label = "all" if decade == 0 else f"1 in {_short(10**decade)}"
            parts.append(_text(LEFT - 10, y + 4, label, "end"))
        return parts


def _legend(curves: list[Curve]) -> list[str]:
    parts = []
    x = float(LEFT)
    for curve in curves:
        parts.append(f'<line class="{curve.kind}" x1="{x}" y1="52" x2="{x + 26}" y2="52"/>')
        parts.append(_text(x + 33, 56, curve.label, "start"))
        x += 33 + 7.2 * len(curve.label) + 18
    return parts


def _short(number: int) -> str:
    for factor, letter in ((10**9, " G"), (10**6, " M"), (10**3, " k")):
        if number >= factor:
            return f"{number // factor}{letter}"
    return str(number)


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line class="grid" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _text(x: float, y: float, text: str, anchor: str = "middle", kind: str = "") -> str:
    named = f' class="{kind}"' if kind else ""
    return f'<text{named} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'
