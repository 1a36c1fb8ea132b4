"""The picture of the trainer's overhead."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .bars import Bar, Panel, write_bars
from .ink import subtitle


def draw(record: Mapping[str, Any], path: Path) -> Sequence[Path]:
    """The trainer's own share of a step, and its milliseconds, by batch size."""
    rows = record["rows"]
    labels = [f"{row['samples']} samples, a step of {row['step_ms']:,.0f} ms" for row in rows]
    share = [Bar(label, row["own_share"]) for label, row in zip(labels, rows, strict=True)]
    own = [Bar(label, row["own_ms"]) for label, row in zip(labels, rows, strict=True)]
    panels = [
        Panel("Share of the step", "the trainer's own time / time of the step", share, percent=True),
        Panel("Milliseconds a step", "all but generate, forward, backward, optimiser", own),
    ]
    picture = path.with_suffix(".png")
    write_bars(picture, "What the trainer itself takes of a step", subtitle(record), panels)
    return [picture]
