"""Pictures of the results: every variant's validation reward against the samples it has seen."""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_INK, _MUTED, _GRID, _OTHERS = "#1f2328", "#656d76", "#e6e8eb", "#d0d4d9"
_BASELINE, _SEVERAL_UPDATES = "#2563eb", "#d9480f"
_COLUMNS = 4


def write_pictures(folder: Path, results: dict[str, Any]) -> list[Path]:
    """Small multiples: a panel for each variant, the median of its seeds, their range, and all others in grey."""
    rows = results["variants"]
    lines = -(-len(rows) // _COLUMNS)
    figure = Figure(figsize=(13, 2.5 * lines + 1.1), dpi=140, facecolor="white")
    FigureCanvasAgg(figure)
    height = 2.5 * lines + 1.1
    title = "Validation reward against samples, by baseline and by updates on the same rollouts"
    figure.text(0.045, 1 - 0.34 / height, title, fontsize=14, fontweight="bold", color=_INK)
    said = f"median of {len(results['seeds'])} seeds, band: their range; grey: the other variants; {_origin(results)}"
    figure.text(0.045, 1 - 0.6 / height, said, fontsize=9, color=_MUTED)
    for place, row in enumerate(rows):
        line, column = divmod(place, _COLUMNS)
        left, bottom = 0.045 + 0.24 * column, (0.45 + 2.5 * (lines - 1 - line)) / height
        axes = figure.add_axes((left, bottom, 0.215, 1.85 / height))
        for other in rows:
            if other is not row:
                axes.plot(*_median_curve(other["runs"]), color=_OTHERS, linewidth=0.8, zorder=1)
        samples, middle = _median_curve(row["runs"])
        rewards = list(zip(*(run["validation_reward"] for run in row["runs"]), strict=False))
        colour = _SEVERAL_UPDATES if "updates" in row["title"] else _BASELINE
        axes.fill_between(
            samples, list(map(min, rewards)), list(map(max, rewards)), color=colour, alpha=0.2, linewidth=0
        )
        axes.plot(samples, middle, color=colour, linewidth=2, zorder=3)
        axes.set_title(f"{row['title']}: {row['final'][0]:.2f}", loc="left", fontsize=10.5, color=_INK)
        axes.set_ylim(0, 1.02)
        axes.grid(axis="y", color=_GRID, linewidth=1)
        axes.set_axisbelow(True)
        axes.tick_params(
            length=0, labelsize=8.5, colors=_MUTED, labelleft=column == 0, labelbottom=place + _COLUMNS >= len(rows)
        )
        for side, spine in axes.spines.items():
            spine.set_visible(side == "bottom")
            spine.set_color(_GRID)
    path = folder / "results.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png")
    return [path]


def _median_curve(runs: Sequence[dict[str, Any]]) -> tuple[list[int], list[float]]:
    curves = [run["validation_reward"] for run in runs]
    samples = min((run["samples"] for run in runs), key=len)  # a run that diverged is shorter
    return samples, [median(values) for values in zip(*curves, strict=False)]


def _origin(results: dict[str, Any]) -> str:
    return f"{results['machine']}, torch {results['versions']['torch']}, {results['date'][:10]}"
