"""The reward curves of several runs in one picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .ink import GRID, INK, MUTED, save

_COLOURS = ("#2563eb", "#d9480f", "#2b8a3e", "#7048e8", "#0b7285", "#a61e4d")


def write_reward_curves(path: Path, title: str, subtitle: str, runs: Sequence[Mapping[str, Any]]) -> None:
    """Draw each run's validation reward as a line with its train reward pale behind it, against the step.

    A run has "seed", "before", "after", and "train_reward" and "validation_reward" as `[[step, reward], …]`.
    """
    figure = Figure(figsize=(9, 5), dpi=140, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.08, 0.935, title, fontsize=14, fontweight="bold", color=INK)
    figure.text(0.08, 0.895, subtitle, fontsize=9, color=MUTED)
    axes = figure.add_axes((0.08, 0.12, 0.89, 0.73))
    for number, run in enumerate(runs):
        colour = _COLOURS[number % len(_COLOURS)]
        if run["train_reward"]:
            axes.plot(*zip(*run["train_reward"], strict=True), color=colour, alpha=0.25, linewidth=0.9)
        if run["validation_reward"]:
            label = f"seed {run['seed']}: {run['before']:.2f} → {run['after']:.2f}"
            axes.plot(
                *zip(*run["validation_reward"], strict=True), color=colour, linewidth=2, marker="o", ms=4, label=label
            )
    axes.set_ylim(-0.02, 1.02)
    axes.set_xlabel("step", fontsize=10.5, color=INK)
    axes.set_ylabel("mean reward (line: validation, pale: train)", fontsize=10.5, color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, integer=True))
    axes.grid(axis="y", color=GRID, linewidth=1)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=9.5, colors=MUTED)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(GRID)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", frameon=False, fontsize=10)
    save(figure, path)
