"""A line chart as inline SVG that takes its colours from the page's style sheet, so it follows light and dark mode.

The classes it uses: ``axis`` (text), ``grid``, ``band``, and ``s1`` to ``s5`` for the lines.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from .curves import Point, nice_ticks, rolling_mean, smoothing_window, thin

_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 12, 26
_MAX_POINTS = 600
_MAX_MARKERS = 80


@dataclass(frozen=True)
class Line:
    """One line of a chart. A ``sparse`` one is drawn with a marker at each point and not smoothed."""

    label: str
    points: Sequence[Point]
    style: str
    sparse: bool = False


def svg_chart(
    lines: Sequence[Line],
    *,
    label: str,
    width: int = 320,
    height: int = 190,
    band: tuple[float, float] | None = None,
    band_label: str = "",
) -> str:
    """Draw the lines against the step; ``band`` shades a range of steps. At least one line must have a point."""
    steps = [point.step for line in lines for point in line.points]
    values = [point.value for line in lines for point in line.points]
    assert steps, "a chart needs a point"
    x_low, x_high = min(steps), max(steps)
    if band is not None:
        x_low = min(x_low, band[0]) if band_label else x_low
    y_ticks = nice_ticks(min(0.0, min(values)), max(values), max(2, height // 55))
    y_low, y_high = y_ticks[0], y_ticks[-1]
    x_span = (x_high - x_low) or 1.0

    def x(step: float) -> float:
        return _LEFT + (step - x_low) / x_span * (width - _LEFT - _RIGHT)

    def y(value: float) -> float:
        return height - _BOTTOM - (value - y_low) / (y_high - y_low) * (height - _TOP - _BOTTOM)

    parts = [f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(label)}">']
    if band is not None and band[1] > x_low:
        left, right = x(max(band[0], x_low)), x(min(band[1], x_high))
        parts.append(
            f'<rect class="band" x="{left:.1f}" y="{_TOP}" '
            f'width="{right - left:.1f}" height="{height - _TOP - _BOTTOM}"/>'
        )
        if band_label and right - left > 60:
            parts.append(f'<text class="axis" x="{left + 6:.1f}" y="{_TOP + 14}">{escape(band_label)}</text>')
    for tick in y_ticks:
        parts.append(f'<path class="grid" d="M{_LEFT} {y(tick):.1f}H{width - _RIGHT}"/>')
        parts.append(
            f'<text class="axis" x="{_LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{format_tick(tick)}</text>'
        )
    for tick in nice_ticks(x_low, x_high, max(3, width // 60 if width < 500 else width // 110)):
        if x_low <= tick <= x_high and tick == int(tick):
            parts.append(
                f'<text class="axis" x="{x(tick):.1f}" y="{height - 8}" text-anchor="middle">{format_tick(tick)}</text>'
            )
    for line in lines:
        window = 1 if line.sparse else smoothing_window(line.points)
        if window > 1:
            parts.append(f'<path class="{line.style} faint" d="{_path(thin(line.points, _MAX_POINTS), x, y)}"/>')
        trend = thin(rolling_mean(line.points, window), _MAX_POINTS)
        parts.append(f'<path class="{line.style}" d="{_path(trend, x, y)}"/>')
        if len(line.points) == 1 or (line.sparse and len(line.points) <= _MAX_MARKERS):
            parts += [
                f'<circle class="{line.style}" cx="{x(point.step):.1f}" cy="{y(point.value):.1f}" r="3">'
                f"<title>{escape(line.label)} {point.value:.4g} at step {point.step:g}</title></circle>"
                for point in line.points
            ]
    return "".join([*parts, "</svg>"])


def format_tick(value: float) -> str:
    """A short number for an axis: 0.25, 12k, 3M, 1e-05."""
    for size, least, suffix in ((1e6, 1e6, "M"), (1e3, 1e4, "k")):
        if least <= abs(value) < 1e12:
            return f"{value / size:g}{suffix}"
    return f"{value:.6g}"


def _path(points: Sequence[Point], x: Callable[[float], float], y: Callable[[float], float]) -> str:
    return "M" + "L".join(f"{x(point.step):.1f} {y(point.value):.1f}" for point in points)
