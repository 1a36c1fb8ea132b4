import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgkern.train.report.axes import Mark, short_number
from pgkern.train.report.curves import Curve
from pgkern.train.report.line_chart import Line, line_chart


def parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def numbered(values: list[float], first: int = 0) -> Curve:
    return Curve.of(enumerate(values, start=first))


def lines_of(svg: ElementTree.Element) -> list[ElementTree.Element]:
    return [each for each in svg.iter("path") if "line" in each.get("class", "").split()]


def coordinates(path: ElementTree.Element) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split() for pair in path.get("d", "")[1:].split("L"))]


def test_points_are_where_they_belong() -> None:
    line = Line("reward", Curve.of([(0, 0.0), (50, 0.25), (100, 1.0)]), "s1")
    (path,) = lines_of(parse(line_chart([line], label="x", width=320, height=190)))
    (x0, y0), (x1, y1), (x2, y2) = coordinates(path)
    assert (x1 - x0) / (x2 - x0) == pytest.approx(0.5, abs=1e-3)
    assert (y1 - y0) / (y2 - y0) == pytest.approx(0.25, abs=2e-3)
    assert y2 < y0  # more is further up


def test_a_spike_makes_the_scale_logarithmic_and_only_where_asked() -> None:
    curve = numbered([0.1, 1.0, 0.1, 1000.0])
    svg = parse(line_chart([Line("norm", curve, "s1")], label="x", spiky=True))
    (_, y0), (_, y1), _, (_, y3) = coordinates(lines_of(svg)[0])
    assert (y1 - y0) / (y3 - y0) == pytest.approx(0.25, abs=5e-3)
    assert svg.get("data-scale") == "log"
    assert [text.text for text in svg.iter("text") if text.get("text-anchor") == "end"] == [
        "0.1",
        "1",
        "10",
        "100",
        "1000",
    ]
    linear = [(curve, False), (numbered([0.0, 1.0, 1000.0]), True), (numbered([1.0, 2.0, 3.0]), True)]
    for values, spiky in linear:
        assert parse(line_chart([Line("norm", values, "s1")], label="x", spiky=spiky)).get("data-scale") == "linear"


def test_the_frame_tells_the_values_of_places() -> None:
    svg = parse(line_chart([Line("x", Curve.of([(10, 0.25), (30, 0.75)]), "s1")], label="x"))
    left, right, top, bottom, first, last, low, high = map(float, svg.get("data-frame", "").split())
    for (x, y), (step, value) in zip(coordinates(lines_of(svg)[0]), [(10, 0.25), (30, 0.75)], strict=True):
        assert first + (x - left) / (right - left) * (last - first) == pytest.approx(step, abs=0.01)
        assert low + (bottom - y) / (bottom - top) * (high - low) == pytest.approx(value, abs=0.001)


def test_long_noisy_line_is_thinned_and_smoothed() -> None:
    line = Line("x", numbered([float(step % 7) for step in range(100_000)]), "s2")
    svg = line_chart([line], label="x")
    assert len(svg) < 40_000
    classes = [each.get("class") for each in parse(svg).iter("path") if each.get("class") != "grid"]
    assert classes == ["s2 faint", "s2 line"]


def test_sparse_line_and_single_point_have_markers() -> None:
    curve = Curve.of((10.0 * i, i / 100) for i in range(60))
    svg = parse(line_chart([Line("validation", curve, "s2", sparse=True)], label="x"))
    assert len(list(svg.iter("circle"))) == 60
    assert next(svg.iter("title")).text == "validation 0 at step 0"
    assert len(list(parse(line_chart([Line("x", numbered([0.5]), "s1")], label="x")).iter("circle"))) == 1


def test_band_covers_the_warmup() -> None:
    line = Line("x", Curve.of([(101, 1.0), (200, 2.0)]), "s1")
    svg = parse(line_chart([line], label="x", width=1000, band=(1, 100), band_label="warm-up"))
    (rect,) = svg.iter("rect")
    left, right = float(rect.get("x", "")), float(rect.get("x", "")) + float(rect.get("width", ""))
    assert left < right < coordinates(lines_of(svg)[0])[0][0]
    assert "warm-up" in [text.text for text in svg.iter("text")]
    assert not list(parse(line_chart([line], label="x", band=(1, 100))).iter("rect"))  # nothing of it in the range


def test_marks_stand_at_their_steps() -> None:
    line = Line("x", Curve.of([(0, 1.0), (100, 2.0)]), "s1")
    marks = [Mark(50, "diverged", "entropy <0.01"), Mark(51, "rolled_back", "to step 40"), Mark(101, "resumed", "")]
    svg = parse(line_chart([line], label="x", width=1000, marks=marks, band=(0, 0), band_label="warm-up"))
    drawn = [each for each in svg.iter("path") if each.get("class", "").startswith("mark")]
    assert [each.get("class") for each in drawn] == ["mark diverged", "mark rolled_back"]  # the third is outside
    (x0, _), (x1, _) = coordinates(lines_of(svg)[0])
    assert float(drawn[0].get("d", "")[1:].split()[0]) == pytest.approx((x0 + x1) / 2, abs=0.1)
    assert drawn[0][0].text == "diverged at step 50: entropy <0.01"
    assert [text.text for text in svg.iter("text")].count("rolled back") == 0  # it would cover the first


@pytest.mark.parametrize("values", [[1.0] * 20, [0.0, 0.01, 0.02, 0.9, 0.91], [0.0] * 20])
def test_names_at_the_ends_do_not_cover_one_another(values: list[float]) -> None:
    lines = [Line(f"run-{i}", Curve.of([(0, 0.5), (9, value)]), "s1 d2") for i, value in enumerate(values)]
    svg = parse(line_chart(lines, label="x", width=980, height=340, name_width=170))
    names = {text.text: float(text.get("y", "")) for text in svg.iter("text") if "name" in text.get("class", "")}
    assert list(names) == sorted(names, key=lambda name: (-values[int(str(name)[4:])], int(str(name)[4:])))
    heights = list(names.values())
    assert np.diff(heights).min() >= 15 - 0.11
    assert 0 < heights[0] < heights[-1] < 340


def test_label_is_escaped() -> None:
    svg = line_chart([Line('"><script>', numbered([0.0]), "s1")], label='"><script>', name_width=100)
    assert parse(svg).get("aria-label") == '"><script>'


@given(
    values=st.lists(st.floats(-1e15, 1e15), min_size=1, max_size=30),
    first=st.integers(0, 10**6),
    width=st.integers(200, 1000),
    spiky=st.booleans(),
)
def test_everything_is_inside_the_picture(values: list[float], first: int, width: int, spiky: bool) -> None:
    line = Line("x", numbered(values, first), "s1")
    svg = parse(line_chart([line], label="x", width=width, height=200, spiky=spiky))
    for path in lines_of(svg):
        assert all(0 <= x <= width and 0 <= y <= 200 for x, y in coordinates(path))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.25, "0.25"),
        (5000.0, "5000"),
        (12000.0, "12k"),
        (-2.5e6, "-2.5M"),
        (1e-5, "1e-05"),
        (1e15, "1e+15"),
    ],
)
def test_short_number(value: float, text: str) -> None:
    assert short_number(value) == text
