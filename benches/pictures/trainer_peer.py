"""The picture of the trainers' comparison."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from statistics import median
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .ink import GRID, INK, MUTED, save, subtitle

_COLOURS = {"pgkern": "#2563eb", "TRL": "#d9480f"}


def draw(record: Mapping[str, Any], path: Path) -> Sequence[Path]:
    """Train reward of every run against samples, and against seconds."""
    rows = record["rows"]
    figure = Figure(figsize=(11, 4.6), dpi=140, facecolor="white")
    FigureCanvasAgg(figure)
    title = f"One step takes {record['time_ratio'][0]:.2f} of the time TRL's GRPOTrainer takes"
    figure.text(0.06, 0.93, title, fontsize=14, fontweight="bold", color=INK)
    figure.text(0.06, 0.885, subtitle(record), fontsize=8, color=MUTED)
    steps = len(rows[0]["train_reward"])
    per_step = record["samples"] / steps
    for place, axis in enumerate(("samples", "seconds")):
        axes = figure.add_axes((0.06 + place * 0.48, 0.12, 0.43, 0.67))
        axes.set_title(f"Reward of a step's samples against {axis}", loc="left", fontsize=10.5, color=INK)
        for number, row in enumerate(rows):
            seconds = [median(row["step_seconds"]), *row["step_seconds"]]
            ends = [per_step * (step + 1) for step in range(steps)] if axis == "samples" else list(accumulate(seconds))
            first = all(other["trainer"] != row["trainer"] for other in rows[:number])
            axes.plot(
                *zip(*zip(ends, row["train_reward"], strict=False), strict=True),
                color=_COLOURS[row["trainer"]],
                linewidth=1.3,
                alpha=0.8,
                label=row["trainer"] if first else None,
            )
        axes.set_ylim(-0.02, 1.02)
        axes.set_xlabel(axis, fontsize=10, color=INK)
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
