"""Curves out of the rows of ``metrics.jsonl``: picked by metric, smoothed, and thinned to what a picture can show."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
_LARGEST = 1e39  # beyond fp32; so sums and differences of what is kept are finite


@dataclass(frozen=True, eq=False)
class Curve:
    """A metric against the step: two arrays of the same length, possibly 0, without anything that is not finite."""

    steps: FloatArray
    values: FloatArray

    @classmethod
    def of(cls, points: Iterable[tuple[float, float]]) -> Curve:
        """The curve through points (step, value)."""
        steps, values = [], []
        for step, value in points:
            steps.append(step)
            values.append(value)
        return cls(np.asarray(steps, dtype=np.float64), np.asarray(values, dtype=np.float64))

    def __len__(self) -> int:
        return len(self.values)

    @property
    def first(self) -> float:
        """The first value; there must be one."""
        return float(self.values[0])

    @property
    def last(self) -> float:
        """The last value; there must be one."""
        return float(self.values[-1])

    def at(self, indices: NDArray[np.intp]) -> Curve:
        """The points of these indices."""
        return Curve(self.steps[indices], self.values[indices])

    def tail_mean(self, count: int) -> float:
        """The mean of the last `count` values, or of all when there are fewer."""
        return float(self.values[-count:].mean())


class MetricCurves:
    """Every metric of some rows as a curve; ``curves[metric]`` is empty where there is no metric.

    Rows without a step are left out.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        rows = [row for row in rows if finite(row.get("step")) is not None]
        steps = np.asarray([row["step"] for row in rows], dtype=np.float64)
        self._curves: dict[str, Curve] = {}
        self._not_finite: dict[str, FloatArray] = {}  # the steps of such values
        for metric in dict.fromkeys(name for row in rows for name in row if name not in ("step", "phase")):
            measured = np.asarray([metric in row for row in rows], dtype=np.bool_)
            values = _numbers([row.get(metric) for row in rows])
            numbers = np.isfinite(values)
            if numbers.any():
                self._curves[metric] = Curve(steps[numbers], values[numbers])
            self._not_finite[metric] = steps[measured & ~numbers]

    def __getitem__(self, metric: str) -> Curve:
        return self._curves.get(metric, _EMPTY)

    def between(self, low: float, high: float, *, shift: float = 0.0) -> MetricCurves:
        """The same for the steps from `low` to `high` alone, both included; `shift` is added to them."""
        part = MetricCurves(())
        for metric, curve in self._curves.items():
            inside = (low <= curve.steps) & (curve.steps <= high)
            if inside.any():
                part._curves[metric] = Curve(curve.steps[inside] + shift, curve.values[inside])
        for metric, steps in self._not_finite.items():
            part._not_finite[metric] = steps[(low <= steps) & (steps <= high)] + shift
        return part

    def named(self, prefix: str) -> list[str]:
        """The metrics with a value whose name begins so, in the order in which they first occurred."""
        return [metric for metric in self._curves if metric.startswith(prefix)]

    def count_not_finite(self, metric: str) -> int:
        """How often the metric was measured and was not finite (null in the file)."""
        return len(self._not_finite.get(metric, ()))


_EMPTY = Curve(np.zeros(0), np.zeros(0))


def _numbers(values: list[object]) -> FloatArray:
    """The values as an array, with NaN for each that is no number or one that `finite` refuses."""
    if set(map(type, values)) <= {float, type(None)}:  # nearly always
        array = np.array(values, dtype=np.float64)
        array[~(np.abs(array) < _LARGEST)] = np.nan
        return array
    return np.array([finite(value) for value in values], dtype=np.float64)


def finite(value: object) -> float | None:
    """The value when it is a number that fp32 can hold, otherwise None; so sums and differences are finite too."""
    if type(value) is float:
        return value if -_LARGEST < value < _LARGEST else None
    if type(value) is int:
        return float(value) if -_LARGEST < value < _LARGEST else None
    return None


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


def validation_curve(rows: Sequence[Mapping[str, Any]]) -> Curve:
    """Validation reward from the beginning of the policy-gradient phase on (the end of the warm-up, where it is)."""
    validated = [row for row in rows if finite(row.get("validation_reward")) is not None]
    warmup = sum(row.get("phase") == "warmup" for row in validated)
    return MetricCurves(validated[max(warmup - 1, 0) :])["validation_reward"]


def smoothing_window(curve: Curve) -> int:
    """Over how many points to average for the trend to show: a 40th of the curve, and 1 for a short one."""
    return max(1, len(curve) // 40)


def trend(curve: Curve, window: int, limit: int, *, log: bool = False) -> Curve:
    """The mean over a centred window, cut off at the curve's ends, at no more than `limit` of its points.

    With ``log`` it is the geometric mean of positive values. Each mean is summed for itself: one huge value does not
    blur the means that it is no part of.
    """
    if window == 1:
        return thin(curve, limit)
    places = np.unique(np.linspace(0, len(curve) - 1, min(limit, len(curve))).round().astype(np.intp))
    values = np.log(curve.values) if log else curve.values
    means = np.asarray([values[max(0, i - (window - 1) // 2) : i + window // 2 + 1].mean() for i in places.tolist()])
    return Curve(curve.steps[places], np.exp(means) if log else means)


def thin(curve: Curve, limit: int) -> Curve:
    """At most about ``limit`` points that draw the same picture: the lowest and highest of each run of points.

    The first and the last point are always kept.
    """
    count = len(curve)
    if count <= limit:
        return curve
    bucket = math.ceil(count / (limit // 2))
    whole = count - count % bucket
    runs = curve.values[:whole].reshape(-1, bucket)
    starts = np.arange(0, whole, bucket)
    kept = [np.asarray([0, count - 1]), starts + runs.argmin(axis=1), starts + runs.argmax(axis=1)]
    if whole < count:
        rest = curve.values[whole:]
        kept.append(whole + np.asarray([rest.argmin(), rest.argmax()]))
    return curve.at(np.unique(np.concatenate(kept)))


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
