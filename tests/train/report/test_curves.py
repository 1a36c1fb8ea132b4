import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgkern.train.report.curves import (
    Curve,
    MetricCurves,
    nice_ticks,
    smoothing_window,
    thin,
    trend,
    validation_curve,
    warmup_range,
    with_short_warmup,
)

NOT_NUMBERS = [None, math.nan, math.inf, True, "1", [1.0], 10**400, 1e300]
floats = st.floats(-1e9, 1e9)
value_lists = st.lists(floats, min_size=1, max_size=300)


def numbered(values: list[float]) -> Curve:
    return Curve.of(enumerate(values))


def points(curve: Curve) -> list[tuple[float, float]]:
    return list(zip(curve.steps.tolist(), curve.values.tolist(), strict=True))


def test_curves_take_finite_values() -> None:
    rows: list[dict[str, Any]] = [{"step": i, "x": value} for i, value in enumerate([*NOT_NUMBERS, 0.5])]
    curves = MetricCurves([*rows, {"step": 99}, {"x": 1.0}, {"step": None, "x": 1.0}, {"step": 100, "x_y": 2}])
    assert points(curves["x"]) == [(8, 0.5)]
    assert curves.count_not_finite("x") == len(NOT_NUMBERS)
    assert points(curves["x_y"]) == [(100, 2.0)]
    assert curves.named("x") == ["x", "x_y"]
    assert len(curves["phase"]) == 0
    assert curves.count_not_finite("z") == 0


def test_tail_mean() -> None:
    assert numbered([9.0, 1.0, 2.0]).tail_mean(2) == 1.5
    assert numbered([9.0, 1.0, 2.0]).tail_mean(10) == 4.0


def test_warmup_range() -> None:
    rows = [{"step": 1, "phase": "warmup"}, {"step": 7, "phase": "warmup"}, {"step": 8, "phase": "policy_gradient"}]
    assert warmup_range(rows) == (1, 7)
    assert warmup_range(rows[2:]) is None


def test_a_long_warmup_is_cut_to_a_quarter_of_what_follows() -> None:
    warmup = [{"step": step, "phase": "warmup"} for step in range(100)]
    after = [{"step": step, "phase": "policy_gradient"} for step in range(100, 140)]
    assert with_short_warmup(warmup + after) == warmup[-10:] + after
    assert with_short_warmup(warmup[-3:] + after) == warmup[-3:] + after
    assert with_short_warmup(warmup + after[:1]) == warmup[-1:] + after[:1]
    assert with_short_warmup(warmup) == warmup
    assert with_short_warmup(after) == after


def test_validation_begins_at_the_end_of_the_warmup() -> None:
    def row(step: int, phase: str, **metrics: float | None) -> dict[str, object]:
        return {"step": step, "phase": phase, **metrics}

    warmup = [row(1, "warmup", validation_reward=0.1), row(2, "warmup", validation_reward=0.2), row(3, "warmup")]
    later = [row(4 + i, "policy_gradient", validation_reward=value) for i, value in enumerate((0.3, None, 0.9))]
    assert points(validation_curve([*warmup, *later])) == [(2, 0.2), (4, 0.3), (6, 0.9)]
    assert points(validation_curve(later)) == [(4, 0.3), (6, 0.9)]
    assert len(validation_curve([row(1, "warmup", loss=1.0)])) == 0


def test_trend_values() -> None:
    curve = numbered([0.0, 3.0, 6.0, 0.0])
    assert points(trend(curve, 1, 100)) == points(curve)
    assert trend(curve, 3, 100).values.tolist() == [1.5, 3.0, 3.0, 3.0]
    assert trend(numbered([1.0, 100.0]), 2, 100, log=True).values.tolist() == pytest.approx([10.0, 100.0])
    assert trend(numbered([0.0] * 1000), 10, 50).steps.tolist()[::49] == [0.0, 999.0]


def test_one_huge_value_blurs_no_mean_that_it_is_no_part_of() -> None:
    values = [0.25] * 1000
    values[100] = 1e30
    smooth = trend(numbered(values), 20, 500)
    assert set(smooth.values[(smooth.steps < 80) | (smooth.steps > 120)].tolist()) == {0.25}


@given(values=value_lists, window=st.integers(1, 50))
def test_trend_stays_within_the_values(values: list[float], window: int) -> None:
    means = trend(numbered(values), window, 1000)
    assert means.steps.tolist() == list(range(len(values)))
    assert all(min(values) - 1e-3 <= mean <= max(values) + 1e-3 for mean in means.values)


def test_short_curves_are_not_smoothed() -> None:
    assert smoothing_window(numbered([0.0] * 79)) == 1
    assert smoothing_window(numbered([0.0] * 400)) == 10


@given(values=value_lists, limit=st.integers(4, 100))
def test_thin_keeps_ends_and_extremes(values: list[float], limit: int) -> None:
    curve = numbered(values)
    thinned = thin(curve, limit)
    assert len(thinned) <= limit + 2
    assert [*points(thinned)[:1], *points(thinned)[-1:]] == [*points(curve)[:1], *points(curve)[-1:]]
    assert np.array_equal(curve.values[thinned.steps.astype(int)], thinned.values)  # nothing invented
    assert (np.diff(thinned.steps) > 0).all()
    assert (thinned.values.min(), thinned.values.max()) == (min(values), max(values))


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 1.0, [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.0, 143.0, [0.0, 50.0, 100.0, 150.0]),
        (-0.03, 0.1, [-0.05, 0.0, 0.05, 0.1]),
        (0.0, 0.0, [-0.5, 0.0, 0.5]),
        (0.0, 4e-6, [0.0, 1e-6, 2e-6, 3e-6, 4e-6]),
    ],
)
def test_nice_ticks_values(low: float, high: float, ticks: list[float]) -> None:
    assert nice_ticks(low, high, 5 if high in (1.0, 4e-6) else 3) == pytest.approx(ticks, abs=1e-15)


@given(low=st.floats(-1e12, 1e12), span=st.floats(0, 1e12), about=st.integers(2, 10))
def test_nice_ticks_enclose_the_range(low: float, span: float, about: int) -> None:
    high = low + span
    if 0 < high - low < 1e-6 * max(abs(low), abs(high)):
        return  # closer together than a picture could show
    ticks = nice_ticks(low, high, about)
    assert 2 <= len(ticks) <= 2 * about + 3
    slack = 1e-6 * (ticks[-1] - ticks[0])
    assert ticks[0] <= low + slack
    assert ticks[-1] >= high - slack
