"""Bars of ratios with the goal drawn as a line, as a PNG beside the record."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .ink import GRID, INK, MUTED, save

_MET, _MISSED = "#2563eb", "#d9480f"
_LEFT_IN, _LETTER_IN, _TITLE_IN, _ROW_IN, _AXIS_IN = 2.7, 0.072, 0.75, 0.34, 0.55


@dataclass(frozen=True)
class Bar:
    """A ratio, its spread (p20, p80) if it has one, and the goal it is held against; one that misses it is orange."""

    label: str
    value: float
    spread: tuple[float, float] | None = None
    goal: float | None = None
    met: bool | None = None


@dataclass(frozen=True)
class Panel:
    """Bars on one axis; `percent` writes 0.02 as 2 %."""

    title: str
    axis: str
    bars: Sequence[Bar]
    percent: bool = False
    log: bool = False


def write_bars(path: Path, title: str, subtitle: str, panels: Sequence[Panel]) -> None:
    """Draw the panels side by side over the same labels."""
    labels = [bar.label for bar in panels[0].bars]
    rows = max(len(labels), 1)
    height = _TITLE_IN + 0.45 + rows * _ROW_IN + _AXIS_IN
    left_in = max(_LEFT_IN, 0.2 + _LETTER_IN * max(map(len, labels), default=0))
    width = left_in + 4.6 * len(panels) + 0.2
    figure = Figure(figsize=(width, height), dpi=140, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.15 / width, 1 - 0.32 / height, title, fontsize=14, fontweight="bold", color=INK)
    figure.text(0.15 / width, 1 - 0.58 / height, subtitle, fontsize=9, color=MUTED)
    for number, panel in enumerate(panels):
        left = (left_in + 4.6 * number) / width
        axes = figure.add_axes((left, _AXIS_IN / height, 4.2 / width, rows * _ROW_IN / height))
        axes.set_title(panel.title, loc="left", fontsize=10.5, color=INK)
        axes.set_xlabel(panel.axis, fontsize=9.5, color=INK)
        if panel.log:
            axes.set_xscale("log")
        reach = max([1e-9, *(value for bar in panel.bars for value in (bar.value, bar.goal or 0, *(bar.spread or ())))])
        lowest = min([reach, *(value for bar in panel.bars for value in (bar.value, bar.goal or reach) if value > 0)])
        axes.set_xlim((min(1.0, lowest / 3), reach * 4) if panel.log else (0, reach * 1.22))
        axes.set_ylim(rows - 0.5, -0.5)
        axes.set_yticks(range(rows), labels if number == 0 else [""] * rows)
        for row, bar in enumerate(panel.bars):
            axes.barh(row, bar.value, height=0.62, color=_MISSED if bar.met is False else _MET, zorder=2)
            if bar.spread is not None:
                axes.plot(bar.spread, (row, row), color=INK, linewidth=1.2, zorder=3)
            end = max(bar.value, bar.spread[1]) if bar.spread is not None else bar.value
            text = _number(bar.value, panel.percent)
            axes.annotate(
                text, (end, row), (5, 0), textcoords="offset points", va="center", fontsize=9, color=INK, zorder=5,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.8},
            )  # fmt: skip
            if bar.goal is not None:
                axes.plot((bar.goal,) * 2, (row - 0.5, row + 0.5), color=INK, linewidth=1.6, linestyle="--", zorder=4)
        goals = {bar.goal for bar in panel.bars if bar.goal is not None}
        if goals:
            said = ", ".join(f"{goal * 100:g} %" if panel.percent else f"{goal:g}" for goal in sorted(goals))
            axes.plot([], [], color=INK, linestyle="--", linewidth=1.6, label=f"goal: {said}")
            axes.legend(loc="lower right", bbox_to_anchor=(1.02, 1.0), frameon=False, fontsize=9, borderaxespad=0.2)
        if panel.percent:
            axes.xaxis.set_major_formatter(lambda value, _place: f"{value * 100:g} %")
        elif panel.log:
            axes.xaxis.set_major_formatter(lambda value, _place: f"{value:,g}")
        axes.grid(axis="x", color=GRID, linewidth=1)
        axes.set_axisbelow(True)
        axes.tick_params(which="both", length=0, labelsize=9, colors=MUTED)
        axes.tick_params(axis="y", labelcolor=INK)
        for spine in axes.spines.values():
            spine.set_visible(False)
    save(figure, path)


def _number(value: float, percent: bool) -> str:
    if percent:
        return f"{value * 100:.1f} %"
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"
