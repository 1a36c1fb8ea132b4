"""The picture of the packing bench's record."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .bars import Bar, Panel, write_bars
from .ink import subtitle


def draw(record: Mapping[str, Any], path: Path) -> Sequence[Path]:
    """Time beside the usual ways."""
    bars = [
        Bar(
            _label(row),
            row["time_ratio"][0],
            tuple(row["time_ratio"][1:]),
            1.0,
            row["time_ratio"][0] <= 1,
        )
        for row in record["rows"]
        if "time_ratio" in row
    ]
    picture = path.with_suffix(".png")
    panel = Panel("Time", "time / the other's time (line: p20 to p80)", bars, log=True)
    write_bars(picture, "Batching beside the usual ways", f"{subtitle(record)}; lower is better", [panel])
    return [picture]


def _label(row: Mapping[str, Any]) -> str:
    peer = f" / {row['peer']}" if "peer" in row else ""
    return f"{row['what'].split(' beside')[0]}, {row['sequences']:,}{peer}"
