"""The picture of the reference curves' record."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .ink import GRID, INK, MUTED, save, subtitle

_PANELS = {
    "last digit": "(a + b) mod 10: mean probability",
    "two digits": "two-digit addition: held-out sampled accuracy",
}
_COLOURS = ("#2563eb", "#d9480f", "#2b8a3e", "#7048e8")


def draw(record: Mapping[str, Any], path: Path) -> Sequence[Path]:
    """A panel for each task, a colour for each variant, a line for each seed."""
    rows = record["rows"]
    curves = [curve for curve in _PANELS if any(row["curve"] == curve for row in rows)]
    figure = Figure(figsize=(5.4 * len(curves) + 0.6, 4.6), dpi=140, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.06, 0.93, "Reference curves, from scratch", fontsize=14, fontweight="bold", color=INK)
    figure.text(0.06, 0.885, subtitle(record), fontsize=8, color=MUTED)
    for place, curve in enumerate(curves):
        axes = figure.add_axes((0.06 + place * 0.94 / len(curves), 0.12, 0.86 / len(curves), 0.67))
        axes.set_title(_PANELS[curve], loc="left", fontsize=10.5, color=INK)
        chosen = [row for row in rows if row["curve"] == curve]
        variants = list(dict.fromkeys(row["variant"] for row in chosen))
        for row in chosen:
            number = variants.index(row["variant"])
            first = next(other for other in chosen if other["variant"] == row["variant"]) is row
            label = row["variant"] if first else None
            axes.plot(*zip(*row["points"], strict=True), color=_COLOURS[number % 4], linewidth=1.6, label=label)
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel("step", fontsize=10, color=INK)
        axes.grid(axis="y", color=GRID, linewidth=1)
        axes.set_axisbelow(True)
        axes.tick_params(length=0, labelsize=9, colors=MUTED)
        for side, spine in axes.spines.items():
            spine.set_visible(side == "bottom")
            spine.set_color(GRID)
        axes.legend(loc="lower right", frameon=False, fontsize=9)
    picture = path.with_suffix(".png")
    save(figure, picture)
    return [picture]
