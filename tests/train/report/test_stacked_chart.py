import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from pgkern.train.report.curves import Curve, MetricCurves
from pgkern.train.report.stacked_chart import Part, share_bar, stacked_chart
from pgkern.train.report.time_by_phase import phase_parts, phase_shares


def areas(svg: str) -> dict[str, list[float]]:
    root = ElementTree.fromstring(svg)
    shown = [each for each in root.iter("path") if each.get("class", "").startswith("area")]
    return {each.get("data-label", ""): [float(v) for v in each.get("data-values", "").split()] for each in shown}


def test_bars_are_means_and_a_missing_step_is_zero() -> None:
    steps = np.arange(1.0, 241.0)
    parts = [
        Part("train", Curve(steps, np.full(240, 2.0)), "s1"),
        Part("evaluate", Curve(steps[1::4], np.full(60, 6.0)), "s2"),
    ]
    values = areas(stacked_chart(parts, steps, label="x"))
    assert values["train"] == [2.0] * 120
    assert values["evaluate"] == [3.0, 0.0] * 60  # bars of two steps; every fourth step has 6 s


@pytest.mark.parametrize("count", [1, 2, 119, 121, 1000])
def test_nothing_of_the_whole_is_lost(count: int) -> None:
    steps = np.cumsum(np.arange(1.0, count + 1))
    values = np.arange(float(count)) % 5 + 1
    shown = areas(stacked_chart([Part("x", Curve(steps, values), "s1")], steps, label="x"))["x"]
    sizes = np.diff(np.append(np.linspace(0, count, min(120, count), endpoint=False).astype(int), count))
    assert (np.asarray(shown) * sizes).sum() == pytest.approx(values.sum(), rel=5e-3)  # three digits are shown


def test_an_area_is_where_it_belongs() -> None:
    steps = np.asarray([1.0, 2.0])
    parts = [
        Part("low", Curve(steps, np.asarray([1.0, 1.0])), "s1"),
        Part("high", Curve(steps, np.asarray([1.0, 3.0])), "s2"),
    ]
    svg = stacked_chart(parts, steps, label="x", width=320, height=190)
    high = next(each for each in ElementTree.fromstring(svg).iter("path") if each.get("data-label") == "high")
    # plot from x 46 to 308 and y 12 to 164, values 0 to 4: the first bar from 1 to 2, the second from 1 to 4
    assert high.get("d") == "M46.0 126.0V88.0H177.0V12.0H308.0V126.0H177.0V126.0H46.0Z"


def test_shares_fill_the_bar() -> None:
    bar = ElementTree.fromstring(share_bar([("a", 0.25, "s1"), ("b<", 0.75, "s2")], label="x"))
    places = [(float(rect.get("x", "")), float(rect.get("width", ""))) for rect in bar.iter("rect")]
    assert places == [(0, 250), (250, 750)]
    assert [title.text for title in bar.iter("title")] == ["a 25.0%", "b< 75.0%"]


def test_what_no_phase_took_is_other() -> None:
    row = {"seconds": 10.0, "seconds_generate": 4.0, "seconds_train": 3.0, "seconds_sync": 1.0}
    rows = [{"step": 1, **row}, {"step": 2, **row, "seconds_evaluate": 5.0}]
    parts = phase_parts(MetricCurves(rows))
    assert {part.label: part.curve.values.tolist() for part in parts} == {
        "generate": [4.0, 4.0],
        "train": [3.0, 3.0],
        "sync": [1.0, 1.0],
        "evaluate": [5.0],
        "other": [2.0, 2.0],  # the evaluation is not in the step's seconds
    }
    assert [share for _, share, _ in phase_shares(parts)] == pytest.approx([8 / 25, 6 / 25, 2 / 25, 5 / 25, 4 / 25])
    assert phase_parts(MetricCurves([{"step": 1, "seconds": 3.0}])) == []
