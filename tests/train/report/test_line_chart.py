import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgkern.train.report.curves import Point
from pgkern.train.report.line_chart import Line, format_tick, svg_chart


def parse(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def coordinates(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in (pair.split() for pair in path[1:].split("L"))]


def test_points_are_where_they_belong() -> None:
    line = Line("reward", [Point(0, 0.0), Point(50, 0.25), Point(100, 1.0)], "s1")
    svg = parse(svg_chart([line], label="x", width=320, height=190))
    (path,) = [each for each in svg.iter("path") if each.get("class") == "s1"]
    (x0, y0), (x1, y1), (x2, y2) = coordinates(path.get("d", ""))
    assert (x1 - x0) / (x2 - x0) == pytest.approx(0.5, abs=1e-3)
    assert (y1 - y0) / (y2 - y0) == pytest.approx(0.25, abs=2e-3)
    assert y2 < y0  # more is further up


def test_long_noisy_line_is_thinned_and_smoothed() -> None:
    line = Line("x", [Point(step, float(step % 7)) for step in range(100_000)], "s2")
    svg = svg_chart([line], label="x")
    assert len(svg) < 40_000
    assert [each.get("class") for each in parse(svg).iter("path") if each.get("class") != "grid"] == ["s2 faint", "s2"]


def test_sparse_line_and_single_point_have_markers() -> None:
    points = [Point(10.0 * i, i / 100) for i in range(60)]
    svg = parse(svg_chart([Line("validation", points, "s2", sparse=True)], label="x"))
    assert len(list(svg.iter("circle"))) == 60
    assert next(svg.iter("title")).text == "validation 0 at step 0"
    assert len(list(parse(svg_chart([Line("x", points[:1], "s1")], label="x")).iter("circle"))) == 1


def test_band_covers_the_warmup() -> None:
    line = Line("x", [Point(101, 1.0), Point(200, 2.0)], "s1")
    svg = parse(svg_chart([line], label="x", width=1000, band=(1, 100), band_label="warm-up"))
    (rect,) = svg.iter("rect")
    left, right = float(rect.get("x", "")), float(rect.get("x", "")) + float(rect.get("width", ""))
    (path,) = [each for each in svg.iter("path") if each.get("class") == "s1"]
    assert left < right < coordinates(path.get("d", ""))[0][0]
    assert "warm-up" in [text.text for text in svg.iter("text")]
    assert not list(parse(svg_chart([line], label="x", band=(1, 100))).iter("rect"))  # nothing of it in the range


def test_label_is_escaped() -> None:
    svg = svg_chart([Line("x", [Point(0, 0.0)], "s1")], label='"><script>')
    assert parse(svg).get("aria-label") == '"><script>'


@given(
    values=st.lists(st.floats(-1e15, 1e15), min_size=1, max_size=30),
    first=st.integers(0, 10**6),
    width=st.integers(200, 1000),
)
def test_everything_is_inside_the_picture(values: list[float], first: int, width: int) -> None:
    line = Line("x", [Point(first + i, value) for i, value in enumerate(values)], "s1")
    svg = parse(svg_chart([line], label="x", width=width, height=200))
    for path in svg.iter("path"):
        if path.get("class") == "s1":
            assert all(0 <= x <= width and 0 <= y <= 200 for x, y in coordinates(path.get("d", "")))


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
def test_format_tick(value: float, text: str) -> None:
    assert format_tick(value) == text
