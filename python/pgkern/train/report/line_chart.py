"""A line chart as inline SVG that takes its colours from the page's style sheet, so it follows light and dark mode."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .axes import Axes, Mark
from .curves import Curve, smoothing_window, thin, trend
from .harmless_text import harmless

_MAX_POINTS = 500
_MAX_MARKERS = 80
_NAME_HEIGHT = 15  # between the names at the ends of two lines
_SPIKY = 50.0  # highest over median, from which on a linear scale would hide all but the spikes


@dataclass(frozen=True)
class Line:
    """One line of a chart. A ``sparse`` one is drawn with a marker at each point and not smoothed."""

    label: str
    curve: Curve
    style: str
    """CSS classes: ``s1`` to ``s8`` are colours, ``d1`` to ``d3`` dashes."""
    sparse: bool = False


def line_chart(
    lines: Sequence[Line],
    *,
    label: str,
    width: int = 320,
    height: int = 190,
    band: tuple[float, float] | None = None,
    band_label: str = "",
    marks: Sequence[Mark] = (),
    spiky: bool = False,
    name_width: int = 0,
) -> str:
    """Draw the lines against the step. At least one line must have a point.

    ``band`` shades a range of steps, ``marks`` are events. A ``spiky`` chart of positive values gets a logarithmic
    scale when its highest value is far above the others. With ``name_width`` lines are named at their end.
    """
    steps = np.concatenate([line.curve.steps for line in lines])
    values = np.concatenate([line.curve.values for line in lines])
    assert len(steps), "a chart needs a point"
    x_low, x_high = float(steps.min()), float(steps.max())
    if band is not None and band_label:
        x_low = min(x_low, band[0])
    log = spiky and bool(values.min() > 0) and float(values.max()) > _SPIKY * float(np.median(values))
    axes = Axes.around(values, x=(x_low, x_high), width=width, height=height, log=log, right=name_width or 12)
    parts = [axes.opening(label), "" if band is None else axes.band(band, band_label), axes.grid()]
    parts.append(axes.marks(marks, labelled=bool(band_label)))
    parts += [_drawn(line, axes) for line in lines if len(line.curve)]
    if name_width:
        parts.append(_names([line for line in lines if len(line.curve)], axes))
    return "".join([*parts, "</svg>"])


def _drawn(line: Line, axes: Axes) -> str:
    window = 1 if line.sparse else smoothing_window(line.curve)
    parts = []
    if window > 1:
        parts.append(f'<path class="{line.style} faint" d="{_path(thin(line.curve, _MAX_POINTS), axes)}"/>')
    shown = trend(line.curve, window, _MAX_POINTS, log=axes.log)
    name = harmless(line.label, limit=80)
    parts.append(f'<path class="{line.style} line" data-label="{name}" d="{_path(shown, axes)}"/>')
    if len(line.curve) == 1 or (line.sparse and len(line.curve) <= _MAX_MARKERS):
        parts += [
            f'<circle class="{line.style}" cx="{x:.1f}" cy="{y:.1f}" r="3">'
            f"<title>{name} {value:.4g} at step {step:g}</title></circle>"
            for x, y, value, step in zip(
                axes.x(line.curve.steps), axes.y(line.curve.values), line.curve.values, line.curve.steps, strict=True
            )
        ]
    return "".join(parts)


def _names(lines: Sequence[Line], axes: Axes) -> str:
    """The lines' names beside their last points, moved apart where they would cover one another."""
    ends = [float(axes.y(line.curve.values[-1:])[0]) for line in lines]
    order = sorted(range(len(lines)), key=lambda each: ends[each])
    places, above = [], -np.inf
    for line in order:
        above = max(ends[line], above + _NAME_HEIGHT)
        places.append(above)
    below = axes.height - _NAME_HEIGHT / 2
    for place in reversed(range(len(places))):  # back up, where they went beyond the bottom
        places[place] = min(places[place], below)
        below = places[place] - _NAME_HEIGHT
    left = axes.width - axes.right + 8
    parts = []
    for line, y in zip(order, places, strict=True):
        name = harmless(lines[line].label, limit=22)
        parts.append(f'<text class="name {lines[line].style}" x="{left}" y="{y + 4:.1f}">{name}</text>')
    return "".join(parts)


def _path(curve: Curve, axes: Axes) -> str:
    xs, ys = axes.x(curve.steps).tolist(), axes.y(curve.values).tolist()
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in zip(xs, ys, strict=True))
