"""The picture of the packing bench's record."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .bars import Bar, Panel, write_bars
from .ink import subtitle


def draw(record: Mapping[str, Any], path: Path) -> Sequence[Path]:
    """Time beside plain Python."""
    bars = [
        Bar(
            f"{row['what'].split(' beside')[0]}, {row['sequences']:,}",
            row["time_ratio"][0],
            tuple(row["time_ratio"][1:]),
            1.0,
            row["time_ratio"][0] <= 1,
        )
        for row in record["rows"]
        if "time_ratio" in row
    ]
    picture = path.with_suffix(".png")
    panel = Panel("Time", "time / plain Python's time (line: p20 to p80)", bars, log=True)
    write_bars(picture, "pgkern beside plain Python", f"{subtitle(record)}; lower is better", [panel])
    return [picture]
