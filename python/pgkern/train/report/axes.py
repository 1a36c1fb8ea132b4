"""The frame of a chart: where a step and a value are in the picture, the grid and its numbers, and marked steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .curves import FloatArray, nice_ticks
from .harmless_text import harmless

_LEFT, _TOP, _BOTTOM = 46, 12, 26
_MARK_LABEL = 76  # units of width that the label of a mark takes


@dataclass(frozen=True)
class Mark:
    """An event at a step, drawn as an upright line; ``kind`` is its name in ``events.jsonl`` and its CSS class."""

    step: float
    kind: str
    message: str


@dataclass(frozen=True)
class Axes:
    """Steps and values against units of the picture. With ``log`` equal distances are equal ratios."""

    width: int
    height: int
    x_low: float
    x_high: float
    y_ticks: Sequence[float]
    log: bool = False
    right: int = 12  # margin, wider where lines are named at their end

    @classmethod
    def around(
        cls, values: FloatArray, *, x: tuple[float, float], width: int, height: int, log: bool = False, right: int = 12
    ) -> Axes:
        """Axes that hold the values: from 0 on, or with ``log`` (all values are positive) in powers of ten."""
        low, high = float(values.min()), float(values.max())
        if log:
            first, last = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
            last = max(last, first + 1)
            every = math.ceil((last - first) / max(2, height // 45))
            ticks = [10.0**power for power in range(first, last + every, every)]
        else:
            ticks = nice_ticks(min(0.0, low), high, max(2, height // 55))
        return cls(width, height, x[0], x[1], ticks, log, right)

    def x(self, steps: FloatArray) -> FloatArray:
        """Where steps are, from the left."""
        span = (self.x_high - self.x_low) or 1.0
        return _LEFT + (steps - self.x_low) / span * (self.width - _LEFT - self.right)

    def y(self, values: FloatArray) -> FloatArray:
        """Where values are, from the top."""
        low, high = self._bounds()
        share = ((np.log10(values) if self.log else values) - low) / (high - low)
        return self.height - _BOTTOM - share * (self.height - _TOP - _BOTTOM)

    def opening(self, label: str) -> str:
        """The opening tag, with what the page's script needs to find a value under the pointer."""
        low, high = self._bounds()
        frame = f"{_LEFT} {self.width - self.right} {_TOP} {self.height - _BOTTOM}"
        frame += f" {self.x_low:.9g} {self.x_high:.9g} {low:.9g} {high:.9g}"
        return (
            f'<svg class="chart" viewBox="0 0 {self.width} {self.height}" role="img" aria-label="{harmless(label)}" '
            f'data-frame="{frame}" data-scale="{"log" if self.log else "linear"}">'
        )

    def grid(self) -> str:
        """The horizontal lines and the numbers of both axes."""
        parts = []
        for tick, y in zip(self.y_ticks, self.y(np.asarray(self.y_ticks)), strict=True):
            parts.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{self.width - self.right}"/>')
            parts.append(
                f'<text class="axis" x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{short_number(tick)}</text>'
            )
        about = max(3, self.width // 60 if self.width < 500 else self.width // 110)
        for tick in nice_ticks(self.x_low, self.x_high, about):
            if self.x_low <= tick <= self.x_high and tick == int(tick):
                x = float(self.x(np.asarray(tick)))
                y = self.height - 8
                parts.append(f'<text class="axis" x="{x:.1f}" y="{y}" text-anchor="middle">{short_number(tick)}</text>')
        return "".join(parts)

    def band(self, steps: tuple[float, float], label: str = "") -> str:
        """A range of steps, shaded; nothing of it is outside."""
        if steps[1] <= self.x_low:
            return ""
        left, right = self.x(np.clip(np.asarray(steps), self.x_low, self.x_high))
        height = self.height - _TOP - _BOTTOM
        band = f'<rect class="band" x="{left:.1f}" y="{_TOP}" width="{right - left:.1f}" height="{height}"/>'
        if label and right - left > 60:
            band += f'<text class="axis" x="{left + 6:.1f}" y="{_TOP + 14}">{harmless(label)}</text>'
        return band

    def marks(self, marks: Sequence[Mark], *, labelled: bool) -> str:
        """Upright lines where something happened; a label that would cover the one before it is left out."""
        parts = []
        free_from = -math.inf
        for mark in sorted(marks, key=lambda each: each.step):
            if not self.x_low <= mark.step <= self.x_high:
                continue
            x = float(self.x(np.asarray(mark.step)))
            name = harmless(mark.kind.replace("_", " "))
            parts.append(
                f'<path class="mark {harmless(mark.kind)}" d="M{x:.1f} {_TOP}V{self.height - _BOTTOM}">'
                f"<title>{name} at step {mark.step:g}: {harmless(mark.message, limit=300)}</title></path>"
            )
            if labelled and x >= free_from:
                left = x + 4 + _MARK_LABEL > self.width
                anchor = 'text-anchor="end" ' if left else ""
                parts.append(
                    f'<text class="axis" {anchor}x="{x + (-4 if left else 4):.1f}" y="{_TOP + 10}">{name}</text>'
                )
                free_from = x + _MARK_LABEL
        return "".join(parts)

    def _bounds(self) -> tuple[float, float]:
        low, high = self.y_ticks[0], self.y_ticks[-1]
        return (math.log10(low), math.log10(high)) if self.log else (low, high)


def short_number(value: float) -> str:
    """A short number for an axis: 0.25, 12k, 3M, 1e-05."""
    for size, least, suffix in ((1e6, 1e6, "M"), (1e3, 1e4, "k")):
        if least <= abs(value) < 1e12:
            return f"{value / size:g}{suffix}"
    return f"{value:.6g}"
