"""The pictures of the verification bench's record."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .bars import Bar, Panel, write_bars
from .ink import subtitle
from .latency import write_latency


def draw(record: Mapping[str, Any], path: Path) -> Sequence[Path]:
    """Speed beside Math-Verify, or by itself where that was not installed; how long single verdicts take."""
    if record["compared"]:
        title = "Verification: pgkern beside Math-Verify"
        bars = [
            Bar(
                row["pairs"],
                row["times_faster"][0],
                tuple(row["times_faster"][1:]),
                row["goal"],
                None if row["goal"] is None else row["times_faster"][0] >= row["goal"],
            )
            for row in record["compared"]
        ]
        panel = Panel(
            "Speed, one thread, the same pairs", "Math-Verify's time / pgkern's time (line: p20 to p80)", bars, log=True
        )
    else:
        title = "Verification: pgkern"
        bars = [Bar(row["pairs"], row["pairs_per_second_one_thread"][0]) for row in record["rows"]]
        panel = Panel("Throughput", "pairs / s on one thread", bars, log=True)
    picture = path.with_suffix(".png")
    write_bars(picture, title, f"{subtitle(record)}; higher is better", [panel])
    histogram = path.with_name(path.stem + "-latency.png")
    write_latency(histogram, "How long a single verdict takes", subtitle(record), record["latency"])
    return [picture, histogram]
