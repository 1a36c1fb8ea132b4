"""Time against memory: one point for every provider of a case, and lines from ours to the others of the case."""

from collections.abc import Mapping, Sequence
from math import log10
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullLocator

from ..policy_case import dtype_label
from ..provider_names import NAIVE, PGKERN, PRODUCTS
from .ink import GRID, INK, MUTED, save

_OURS, _NAIVE, _THREAD = "#2563eb", "#d9480f", "#d0d5da"
_OTHERS = ("#2b8a3e", "#7048e8", "#c2255c", "#0b7285", "#b08900", "#5c940d", "#495057", "#a61e4d")
_LEAST_BYTES = 1e6  # what is below is nothing, and has no place on a logarithmic axis
_MOST_PANELS, _COLUMNS = 4, 2
_LETTER = 0.07  # width of a letter of a label, in inches
_LEFT, _RIGHT, _TOP, _BOTTOM, _WIDE, _HIGH, _BETWEEN, _OVER = 0.85, 0.3, 1.3, 0.75, 5.2, 3.3, 0.85, 0.95  # inches

Row = Mapping[str, Any]


def write_time_memory(path: Path, title: str, subtitle: str, rows: Sequence[Row]) -> None:
    """Draw one panel for every size, with the cases of that size in it; of many sizes the first few.

    A row has "case", "provider", "seconds" as `[median, p20, p80]`, "tokens", "hidden_size", "vocabulary", "dtype",
    and "extra_bytes" but for the bare products, to whose time a dotted line goes down from our point.
    """
    panels = _panels(rows)
    colours = _colours([row for of_panel in panels.values() for row in of_panel])
    across = min(_COLUMNS, max(1, len(panels)))
    down = max(1, -(-len(panels) // across))
    legend_rows = -(-(len(colours) + 1) // (2 * across + 1))
    top = _TOP + 0.22 * (legend_rows - 1)
    width = _LEFT + across * _WIDE + (across - 1) * _BETWEEN + _RIGHT
    height = top + down * _HIGH + (down - 1) * _OVER + _BOTTOM
    figure = Figure(figsize=(width, height), dpi=140, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.25 / width, 1 - 0.34 / height, title, fontsize=14, fontweight="bold", color=INK)
    figure.text(0.25 / width, 1 - 0.6 / height, subtitle, fontsize=9, color=MUTED)
    handles = [_mark(name, colour) for name, colour in colours.items()]
    handles.append(
        Line2D([], [], color=MUTED, linestyle=":", marker="_", markersize=9, label=f"down to the {PRODUCTS}")
    )
    figure.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0.15 / width, 1 - 0.66 / height), ncols=2 * across + 1,
        frameon=False, fontsize=9, labelcolor=INK, handletextpad=0.3, columnspacing=1.4, borderaxespad=0.2,
    )  # fmt: skip
    for number, (name, of_panel) in enumerate(panels.items()):
        row, column = divmod(number, across)
        left = _LEFT + column * (_WIDE + _BETWEEN)
        bottom = _BOTTOM + (down - 1 - row) * (_HIGH + _OVER)
        axes = figure.add_axes((left / width, bottom / height, _WIDE / width, _HIGH / height))
        axes.set_title(name, loc="left", fontsize=10.5, color=INK)
        _draw_panel(axes, of_panel, colours)
        axes.set_xlabel("peak memory beyond inputs and gradients", fontsize=9.5, color=INK)
        axes.set_ylabel("time", fontsize=9.5, color=INK)
    save(figure, path)


def _panels(rows: Sequence[Row]) -> dict[str, list[Row]]:
    sizes = {(row["tokens"], row["hidden_size"]) for row in rows}
    found: dict[str, list[Row]] = {}
    for row in rows:
        name = f"V = {row['vocabulary']:,}, {dtype_label(row['dtype'])}"
        if len(sizes) > 1:
            name = f"N = {row['tokens']:,}, D = {row['hidden_size']:,}, {name}"
        found.setdefault(name, []).append(row)
    with_points = {name: of for name, of in found.items() if any("extra_bytes" in row for row in of)}
    return dict(list(with_points.items())[:_MOST_PANELS])


def _colours(rows: Sequence[Row]) -> dict[str, str]:
    others = dict.fromkeys(row["provider"] for row in rows if "extra_bytes" in row)
    others.pop(PGKERN, None)
    others.pop(NAIVE, None)
    more = {name: _OTHERS[number % len(_OTHERS)] for number, name in enumerate(others)}
    return {PGKERN: _OURS, NAIVE: _NAIVE, **more}


def _mark(name: str, colour: str) -> Line2D:
    return Line2D([], [], color=colour, marker="o", markersize=7 if name == PGKERN else 5.5, linestyle="", label=name)


def _draw_panel(axes: Axes, rows: Sequence[Row], colours: Mapping[str, str]) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    cases: dict[str, list[Row]] = {}
    for row in rows:
        cases.setdefault(row["case"], []).append(row)
    ours = [row for row in rows if row["provider"] == PGKERN and "extra_bytes" in row]
    every = [log10(_bytes(row)) for row in rows if "extra_bytes" in row]
    right = max(every) + 0.08 * max(0.5, max(every) - min(every))
    left = min(every) - 0.08 * max(0.5, max(every) - min(every))
    for row in ours:  # whose labels must have room
        share = (0.2 + _LETTER * len(_within(row))) / _WIDE
        left = min(left, (log10(_bytes(row)) - share * right) / (1 - share))
    axes.set_xlim(10**left, 10**right)
    quickest, slowest = min(row["seconds"][0] for row in rows), max(row["seconds"][0] for row in rows)
    reach = max(0.5, log10(slowest / quickest))
    axes.set_ylim(quickest / 10 ** (0.12 * reach), slowest * 10 ** (0.12 * reach))
    labels = []
    for of_case in cases.values():
        points = {row["provider"]: (_bytes(row), row["seconds"][0]) for row in of_case if "extra_bytes" in row}
        here = points.get(PGKERN)
        if here is None:
            continue
        for provider, point in points.items():
            axes.plot(*zip(here, point, strict=True), color=_THREAD, linewidth=1.2, zorder=2)
            axes.plot(
                *point, color=colours[provider], marker="o", markersize=9.5 if provider == PGKERN else 7,
                markeredgecolor="white", markeredgewidth=1, zorder=5 if provider == PGKERN else 4,
            )  # fmt: skip
        for row in of_case:
            if row["provider"] == PRODUCTS:
                floor = row["seconds"][0]
                axes.plot((here[0], here[0]), (floor, here[1]), color=MUTED, linewidth=1.2, linestyle=":", zorder=3)
                axes.plot(here[0], floor, color=MUTED, marker="_", markersize=9, markeredgewidth=1.6, zorder=3)
        labels.append((*here, _within(of_case[0])))
    _label_cases(axes, labels)
    _ticks(axes)


def _label_cases(axes: Axes, labels: Sequence[tuple[float, float, str]]) -> None:
    """To the left of our point; where two are at nearly the same time, one above the other."""
    bottom, top = (log10(value) for value in axes.get_ylim())
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.7}
    lowest = 0.0  # where the next label may stand, as a share of the panel's height
    for x, y, text in sorted(labels, key=lambda label: label[1]):
        own = (log10(y) - bottom) / (top - bottom)
        place = max(own, lowest)
        lowest = place + 0.055  # a line of text
        axes.annotate(
            text, (x, y), (-9, (place - own) * _HIGH * 72), textcoords="offset points", ha="right", va="center",
            fontsize=8.5, color=INK, zorder=3.5, bbox=behind,
        )  # fmt: skip


def _within(row: Row) -> str:
    """What a case's label says beyond the size, which is the panel's title."""
    words: str = row["case"].split(f"V={row['vocabulary']:,} ", 1)[-1]
    return words.split(" ", 1)[-1].removeprefix("loss and gradients, ")


def _bytes(row: Row) -> float:
    return max(_LEAST_BYTES, float(row["extra_bytes"]))


def _ticks(axes: Axes) -> None:
    for axis, unit, limits in ((axes.xaxis, _memory, axes.get_xlim()), (axes.yaxis, _time, axes.get_ylim())):
        reach = log10(limits[1] / limits[0])
        steps = (
            (1, 1.5, 2, 3, 4, 5, 7) if reach < 0.9 else (1, 2, 5) if reach < 2.2 else (1, 3) if reach < 3.3 else (1,)
        )
        scale = 1e6 if axis is axes.xaxis else 1.0
        found = [step * 10.0**power * scale for power in range(-9, 10) for step in steps]
        found = [value for value in found if limits[0] <= value <= limits[1]]
        axis.set_major_locator(FixedLocator(found))
        axis.set_minor_locator(NullLocator())
        axis.set_ticklabels([unit(value) for value in found])
    axes.grid(color=GRID, linewidth=1)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", length=0, labelsize=9, colors=MUTED)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _memory(value: float) -> str:
    return f"{value / 1e9:g} GB" if value >= 1e9 else f"{value / 1e6:g} MB"


def _time(seconds: float) -> str:
    return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1e3:g} ms"
