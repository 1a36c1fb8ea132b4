"""The reward curves of a run as a PNG, to look at, to send or to put into a document."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ..files.atomic_write import write_file_atomically
from .curves import MetricCurves, smoothing_window, thin, trend, validation_curve, warmup_range, with_short_warmup

_TRAIN, _VALIDATION, _INK, _MUTED, _GRID, _BAND = "#2563eb", "#d9480f", "#1f2328", "#656d76", "#e6e8eb", "#f1f3f5"
_MAX_POINTS = 4000


def write_reward_figure(rows: Sequence[Mapping[str, Any]], path: Path, title: str) -> None:
    """Draw train and validation reward against the step, with the end of the warm-up shaded.

    Without a reward in the rows the image says so.
    """
    change = validation_curve(rows)
    rows = with_short_warmup(rows)
    figure = Figure(figsize=(9, 5), dpi=150, facecolor="white")
    FigureCanvasAgg(figure)  # draws without a window system, whatever backend is set
    axes = figure.add_axes((0.08, 0.12, 0.89, 0.70))
    figure.text(0.08, 0.935, title, fontsize=15, fontweight="bold", color=_INK, parse_math=False)

    curves = MetricCurves(rows)
    train, validation = curves["train_reward"], curves["validation_reward"]
    window = smoothing_window(train)
    if band := warmup_range(rows):
        axes.axvspan(*band, color=_BAND, linewidth=0, zorder=0)
        axes.annotate(
            "warm-up", (band[0], 1), (6, -6), ("data", "axes fraction"), "offset points", va="top", color=_MUTED
        )
    if len(train):
        if window > 1:
            single = thin(train, _MAX_POINTS)
            axes.plot(single.steps, single.values, color=_TRAIN, alpha=0.25, linewidth=0.8)
        mean = trend(train, window, _MAX_POINTS)
        name = "train (sampled)" + (f", mean over {window} steps" if window > 1 else "")
        axes.plot(mean.steps, mean.values, color=_TRAIN, linewidth=2, label=name, marker="o" * (len(train) == 1))
    if len(validation):
        marker = "o" if len(validation) <= 80 else ""
        points = thin(validation, _MAX_POINTS)
        axes.plot(
            points.steps, points.values, color=_VALIDATION, linewidth=2, label="validation", marker=marker, ms=4.5
        )
    if len(change):
        subtitle = f"validation reward {change.first:.3f} → {change.last:.3f}"
        figure.text(0.08, 0.885, subtitle, fontsize=11, color=_MUTED)
    values = [*train.values.tolist(), *validation.values.tolist()]
    if values:
        figure.legend(loc="upper right", bbox_to_anchor=(0.98, 0.975), frameon=False, fontsize=10, labelcolor=_INK)
    else:
        axes.text(0.5, 0.5, "no rewards yet", ha="center", va="center", transform=axes.transAxes, color=_MUTED)
    low, high = min([0.0, *values]), max([1.0, *values])
    axes.set_ylim(low - 0.02 * (high - low) * (low < 0), high + 0.02 * (high - low))
    axes.set_xlabel("step", fontsize=11, color=_INK)
    axes.set_ylabel("mean reward", fontsize=11, color=_INK)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10], integer=True))
    axes.margins(x=0.01)
    axes.grid(axis="y", color=_GRID, linewidth=1)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=10, colors=_MUTED, pad=6)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(_GRID)
    image = io.BytesIO()
    figure.savefig(image, format="png")
    write_file_atomically(path, image.getvalue())
