"""Parts of a whole against the step, stacked: where the time of a step goes, what became of its rollouts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .axes import Axes, Mark
from .curves import Curve, FloatArray
from .harmless_text import harmless

_BARS = 120  # at most; a bar is the mean of the steps that it stands for


@dataclass(frozen=True)
class Part:
    """One part of the whole; a step that its curve lacks counts as 0."""

    label: str
    curve: Curve
    style: str


def stacked_chart(
    parts: Sequence[Part],
    steps: FloatArray,
    *,
    label: str,
    width: int = 320,
    height: int = 190,
    marks: Sequence[Mark] = (),
) -> str:
    """Draw the parts on top of one another over ``steps`` (increasing, at least one), the first at the bottom."""
    edges, means = _bars(parts, steps)
    tops = np.cumsum(means, axis=0)
    axes = Axes.around(tops[-1], x=(float(edges[0]), float(edges[-1])), width=width, height=height)
    shown = [axes.opening(label), axes.grid()]
    bottom = np.zeros(len(edges) - 1)
    for part, mean, top in zip(parts, means, tops, strict=True):
        values = " ".join(f"{value:.3g}" for value in mean)
        shown.append(
            f'<path class="area {part.style}" data-label="{harmless(part.label, limit=80)}" data-values="{values}" '
            f'd="{_outline(axes.x(edges), axes.y(bottom), axes.y(top))}"/>'
        )
        bottom = top
    return "".join([*shown, axes.marks(marks, labelled=False), "</svg>"])


def share_bar(parts: Sequence[tuple[str, float, str]], *, label: str) -> str:
    """One horizontal bar of shares (label, share, style) that add up to 1."""
    rects, left = [], 0.0
    for name, share, style in parts:
        place = f'x="{1000 * left:.1f}" y="0" width="{1000 * share:.1f}" height="20"'
        rects.append(f'<rect class="area {style}" {place}><title>{harmless(name, limit=80)} {share:.1%}</title></rect>')
        left += share
    return (
        f'<svg class="shares" viewBox="0 0 1000 20" preserveAspectRatio="none" role="img" '
        f'aria-label="{harmless(label)}">{"".join(rects)}</svg>'
    )


def _bars(parts: Sequence[Part], steps: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The edges of the bars in steps, and each part's mean in each bar."""
    count = min(_BARS, len(steps))
    starts = np.linspace(0, len(steps), count, endpoint=False).astype(np.intp)
    ends = np.append(starts[1:], len(steps))
    means = np.zeros((len(parts), count))
    for row, part in enumerate(parts):
        inside = np.isin(part.curve.steps, steps)
        bars = np.searchsorted(starts, np.searchsorted(steps, part.curve.steps[inside]), side="right") - 1
        np.add.at(means[row], bars, part.curve.values[inside])
    means /= ends - starts
    return np.append(steps[starts] - 0.5, steps[-1] + 0.5), means


def _outline(xs: FloatArray, bottom: FloatArray, top: FloatArray) -> str:
    """Along the tops from left to right and back along the bottoms, in steps."""
    there = "".join(f"V{y:.1f}H{x:.1f}" for x, y in zip(xs[1:], top, strict=True))
    back = "".join(f"V{y:.1f}H{x:.1f}" for x, y in zip(xs[-2::-1], bottom[::-1], strict=True))
    return f"M{xs[0]:.1f} {bottom[0]:.1f}{there}{back}Z"
