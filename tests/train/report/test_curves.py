import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgkern.train.report.curves import (
    Point,
    count_not_finite,
    curve,
    nice_ticks,
    rolling_mean,
    smoothing_window,
    thin,
    validation_before_and_after,
    warmup_range,
    with_short_warmup,
)

NOT_NUMBERS = [None, math.nan, math.inf, True, "1", [1.0], 10**400]
floats = st.floats(-1e9, 1e9)
point_lists = st.lists(floats, min_size=1, max_size=300).map(
    lambda values: [Point(*each) for each in enumerate(values)]
)


def test_curve_takes_finite_values() -> None:
    rows = [{"step": i, "x": value} for i, value in enumerate([*NOT_NUMBERS, 0.5])]
    assert curve([*rows, {"step": 99}, {"x": 1.0}, {"step": None, "x": 1.0}], "x") == [(7, 0.5)]
    assert count_not_finite([*rows, {"step": 99}], "x") == len(NOT_NUMBERS)


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


def test_validation_before_is_the_end_of_the_warmup() -> None:
    def row(phase: str, **metrics: float) -> dict[str, object]:
        return {"step": 1, "phase": phase, **metrics}

    warmup = [row("warmup", validation_reward=0.1), row("warmup", validation_reward=0.2), row("warmup")]
    later = [row("policy_gradient", validation_reward=value) for value in (0.3, 0.4, 0.9)]
    assert validation_before_and_after([*warmup, *later]) == (0.2, 0.9)
    assert validation_before_and_after(later) == (0.3, 0.9)
    assert validation_before_and_after([row("warmup", loss=1.0)]) is None


def test_rolling_mean_values() -> None:
    points = [Point(step, value) for step, value in enumerate([0.0, 3.0, 6.0, 0.0])]
    assert rolling_mean(points, 1) == points
    assert [point.value for point in rolling_mean(points, 3)] == [1.5, 3.0, 3.0, 3.0]


@given(points=point_lists, window=st.integers(1, 50))
def test_rolling_mean_stays_within_the_values(points: list[Point], window: int) -> None:
    means = rolling_mean(points, window)
    assert [point.step for point in means] == [point.step for point in points]
    low, high = min(p.value for p in points), max(p.value for p in points)
    assert all(low - 1e-3 <= point.value <= high + 1e-3 for point in means)


def test_short_curves_are_not_smoothed() -> None:
    assert smoothing_window([Point(0, 0.0)] * 79) == 1
    assert smoothing_window([Point(0, 0.0)] * 400) == 10


@given(points=point_lists, limit=st.integers(4, 100))
def test_thin_keeps_ends_and_extremes(points: list[Point], limit: int) -> None:
    thinned = thin(points, limit)
    assert len(thinned) <= limit + 2
    assert thinned[0] == points[0]
    assert thinned[-1] == points[-1]
    assert [point for point in points if point in thinned] == thinned  # in order, nothing invented
    for extreme in (min, max):
        assert extreme(p.value for p in thinned) == extreme(p.value for p in points)


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
