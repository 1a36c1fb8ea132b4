"""Bars that both loss benches draw: time and memory beside plain torch's."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..limits import LARGE_VOCABULARY, MEMORY_GOAL, TIME_GOAL
from .bars import Bar, Panel

Row = Mapping[str, Any]


def time_panel(rows: Iterable[Row]) -> Panel:
    """Time as a share of plain torch's, with its spread and the goal."""
    bars = []
    for row in rows:
        ratio, *spread = row.get("time_ratio", (0.0, 0.0, 0.0))  # 0 where plain torch ran out of memory
        bars.append(Bar(row["case"], ratio, tuple(spread), TIME_GOAL, ratio <= TIME_GOAL))
    return Panel("Time", "time / naive torch's time (line: p20 to p80)", bars)


def memory_panel(rows: Iterable[Row], axis: str, key: str = "memory_ratio") -> Panel:
    """Memory as a share of plain torch's, with the goal where it is one."""
    bars = []
    for row in rows:
        goal = MEMORY_GOAL if row["vocabulary"] >= LARGE_VOCABULARY else None
        ratio = row[key] or 0.0
        bars.append(Bar(row["case"], ratio, None, goal, None if goal is None else ratio <= goal))
    return Panel("Peak extra memory", axis, bars, percent=True)
