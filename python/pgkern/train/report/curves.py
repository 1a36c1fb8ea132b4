"""Curves out of the rows of ``metrics.jsonl``: picked by metric, smoothed, and thinned to what a picture can show."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple


class Point(NamedTuple):
    """A metric at a step."""

    step: float
    value: float


def curve(rows: Iterable[Mapping[str, Any]], metric: str) -> list[Point]:
    """The finite values of a metric against the step; rows without it are skipped."""
    points = []
    for row in rows:
        step, value = finite(row.get("step")), finite(row.get(metric))
        if step is not None and value is not None:
            points.append(Point(step, value))
    return points


def count_not_finite(rows: Iterable[Mapping[str, Any]], metric: str) -> int:
    """How often a metric was measured and was not finite (null in the file)."""
    return sum(metric in row and finite(row[metric]) is None for row in rows)


def finite(value: object) -> float | None:
    """The value when it is a number that fp32 can hold, otherwise None; so sums and differences are finite too."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if abs(number) < 1e39 else None


def warmup_range(rows: Iterable[Mapping[str, Any]]) -> tuple[float, float] | None:
    """The first and the last step of the warm-up phase, or None without one."""
    steps = [step for row in rows if row.get("phase") == "warmup" and (step := finite(row.get("step"))) is not None]
    return (min(steps), max(steps)) if steps else None


def with_short_warmup(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows without the beginning of a long warm-up: what is left of it is a quarter of the steps that follow.

    Its steps are many and cheap, and drawn in full they would push the others to the picture's edge. A run that is
    still in its warm-up keeps all rows.
    """
    first = next((place for place, row in enumerate(rows) if row.get("phase") == "policy_gradient"), 0)
    if first == 0:
        return list(rows)
    return list(rows[max(0, first - max(1, (len(rows) - first) // 4)) :])


def validation_before_and_after(rows: Sequence[Mapping[str, Any]]) -> tuple[float, float] | None:
    """Validation reward when the policy-gradient phase began (after the warm-up, where there is one) and last."""
    validation = curve(rows, "validation_reward")
    if not validation:
        return None
    warmup = curve([row for row in rows if row.get("phase") == "warmup"], "validation_reward")
    return (warmup or validation)[-1 if warmup else 0].value, validation[-1].value


def smoothing_window(points: Sequence[Point]) -> int:
    """Over how many points to average for the trend to show: a 40th of the curve, and 1 for a short one."""
    return max(1, len(points) // 40)


def rolling_mean(points: Sequence[Point], window: int) -> list[Point]:
    """The mean over a centred window, which is cut off at the ends of the curve."""
    sums = [0.0]
    for point in points:
        sums.append(sums[-1] + point.value)
    means = []
    for i, point in enumerate(points):
        start, end = max(0, i - (window - 1) // 2), min(len(points), i + window // 2 + 1)
        means.append(Point(point.step, (sums[end] - sums[start]) / (end - start)))
    return means


def thin(points: Sequence[Point], limit: int) -> list[Point]:
    """At most about ``limit`` points that draw the same picture: the lowest and highest of each run of points.

    The first and the last point are always kept.
    """
    if len(points) <= limit:
        return list(points)
    bucket = math.ceil(len(points) / (limit // 2))
    kept = {0, len(points) - 1}
    for start in range(0, len(points), bucket):
        indices = range(start, min(start + bucket, len(points)))
        kept.add(min(indices, key=lambda i: points[i].value))
        kept.add(max(indices, key=lambda i: points[i].value))
    return [points[i] for i in sorted(kept)]


def nice_ticks(low: float, high: float, about: int) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten apart) that enclose the range, about so many."""
    size = max(abs(low), abs(high))
    if high - low <= 1e-9 * size or size < 1e-200:  # a flat line is drawn in the middle
        half = size / 2 if size >= 1e-200 else 0.5
        low, high = low - half, high + half
    raw = (high - low) / about
    power = 10.0 ** math.floor(math.log10(raw))
    spacing = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * 0.999)
    first, last = math.floor(low / spacing + 1e-9), math.ceil(high / spacing - 1e-9)
    return [round(i * spacing, 12 - math.floor(math.log10(spacing))) for i in range(first, last + 1)]
