"""A histogram of how long things take, on axes of powers of ten, with the slowest named."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ..verification_latency import EDGES_US
from .ink import GRID, INK, MUTED, save

_BAR, _LIMIT_US = "#2563eb", 10_000.0


def write_latency(path: Path, title: str, subtitle: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """All sets in one histogram: `counts` of each row lie below, between and above `EDGES_US`."""
    counts = np.sum([row["counts"] for row in rows], axis=0)
    slowest = max(rows, key=lambda row: row["slowest_seconds"])
    figure = Figure(figsize=(8.4, 4.2), dpi=140, facecolor="white")
    FigureCanvasAgg(figure)
    figure.text(0.02, 0.925, title, fontsize=14, fontweight="bold", color=INK)
    figure.text(0.02, 0.865, subtitle, fontsize=9, color=MUTED)
    axes = figure.add_axes((0.115, 0.14, 0.86, 0.66))
    left = [EDGES_US[0] / 2, *EDGES_US]
    axes.bar(left, counts, width=left, align="edge", color=_BAR, edgecolor="white", linewidth=1, zorder=2)
    for edge, count in zip(left, counts.tolist(), strict=True):
        if count:
            middle = edge * 2**0.5
            axes.annotate(
                f"{count:,}", (middle, count), (0, 3), textcoords="offset points", ha="center", fontsize=8.5, color=INK
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(left[0], EDGES_US[-1] * 2)
    axes.set_ylim(0.7, float(counts.max()) * 8)
    axes.axvline(_LIMIT_US, color=INK, linestyle="--", linewidth=1.6)
    axes.annotate("goal: 10 ms", (_LIMIT_US, 0.97), (-5, 0), xycoords=("data", "axes fraction"),
                  textcoords="offset points", ha="right", va="top", fontsize=9, color=INK)  # fmt: skip
    worst = slowest["slowest_seconds"] * 1e6
    axes.annotate(
        f"slowest: {worst:,.0f} µs\n{slowest['slowest_id']} ({slowest['pairs']})",
        (worst, 1), (0, 46), textcoords="offset points", ha="center", fontsize=9, color=INK,
        arrowprops={"arrowstyle": "->", "color": INK},
    )  # fmt: skip
    axes.set_xlabel("microseconds, the call from Python included", fontsize=9.5, color=INK)
    axes.set_ylabel(f"verdicts, of {counts.sum():,}", fontsize=9.5, color=INK)
    axes.xaxis.set_major_formatter(lambda value, _place: f"{value:,g}")
    axes.yaxis.set_major_formatter(lambda value, _place: f"{value:,g}")
    axes.grid(axis="y", color=GRID, linewidth=1)
    axes.set_axisbelow(True)
    axes.tick_params(which="both", length=0, labelsize=9, colors=MUTED)
    for spine in axes.spines.values():
        spine.set_visible(False)
    save(figure, path)
