"""The picture of the engines' record."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .ink import GRID, INK, MUTED, save, subtitle

_PHASES = ("generate", "verify", "score", "train", "sync")
_COLOURS = ("#2563eb", "#d9480f", "#2b8a3e", "#7048e8", "#0b7285", "#a61e4d")


def draw(record: Mapping[str, Any], path: Path) -> Sequence[Path]:
    """Reward curves of the engines over one another, and where the time of a step goes with each."""
    steps = [row for row in record["rows"] if row["part"] == "step"]
    figure = Figure(figsize=(11, 4.8), dpi=140, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.06, 0.93, "One run with each rollout engine", fontsize=14, fontweight="bold", color=INK)
    figure.text(0.06, 0.885, subtitle(record), fontsize=8, color=MUTED)
    curves = figure.add_axes((0.06, 0.12, 0.40, 0.67))
    for row, colour in zip(steps, _COLOURS, strict=False):
        curves.plot(*zip(*row["train_reward"], strict=True), color=colour, alpha=0.3, linewidth=1)
        label = f"{row['engine']}: {row['before']:.2f} → {row['after']:.2f}"
        curves.plot(
            *zip((0, row["before"]), *row["validation_reward"], strict=True),
            color=colour,
            linewidth=2,
            marker="o",
            ms=4,
            label=label,
        )
    curves.set_title("Mean reward (line: validation, pale: train)", loc="left", fontsize=10.5, color=INK)
    curves.set_xlabel("step", fontsize=10, color=INK)
    curves.set_ylim(-0.02, 1.02)
    curves.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
    curves.legend(loc="lower right", frameon=False, fontsize=9)
    bars = figure.add_axes((0.64, 0.12, 0.33, 0.67))
    places = range(len(steps))
    left = [0.0] * len(steps)
    for phase, colour in zip(_PHASES, _COLOURS, strict=False):
        widths = [row[phase] for row in steps]
        bars.barh(places, widths, left=left, color=colour, label=phase, height=0.6)
        left = [begin + width for begin, width in zip(left, widths, strict=True)]
    bars.set_yticks(places, [row["engine"] for row in steps])
    bars.invert_yaxis()
    bars.set_title("Seconds of a step", loc="left", fontsize=10.5, color=INK)
    bars.legend(
        loc="upper center",
        bbox_to_anchor=(0.35, -0.06),
        ncols=len(_PHASES),
        frameon=False,
        fontsize=8,
        columnspacing=1.0,
    )
    for axes, grid in ((curves, "y"), (bars, "x")):
        axes.grid(axis=grid, color=GRID, linewidth=1)
        axes.set_axisbelow(True)
        axes.tick_params(length=0, labelsize=9, colors=MUTED)
        for side, spine in axes.spines.items():
            spine.set_visible(side == "bottom")
            spine.set_color(GRID)
    picture = path.with_suffix(".png")
    save(figure, picture)
    return [picture]
