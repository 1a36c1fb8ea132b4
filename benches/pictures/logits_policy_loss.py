"""The picture of the record of the losses from logits."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..limits import COPY_GOAL
from ..logit_rows import memory_beside_gradient, one_visit, ours
from ..provider_names import PGKERN_IN_PLACE
from .bars import Bar, Panel, write_bars
from .grid_bars import Row, memory_panel, time_panel
from .ink import subtitle


def draw(record: Mapping[str, Any], path: Path) -> Sequence[Path]:
    """Time, bandwidth and memory."""
    rows = [
        {**row, "case": _label(row), "beside_gradient": memory_beside_gradient(row)} for row in ours(record["rows"])
    ]
    shares = []
    for row in rows:
        share, *spread = row["copy_share"]
        goal = COPY_GOAL if row["device"] == "cuda" and one_visit(row) else None
        shares.append(Bar(row["case"], share, tuple(spread), goal, None if goal is None else share >= goal))
    picture = path.with_suffix(".png")
    write_bars(
        picture,
        "pgkern from logits, beside naive torch and a copy of the logits",
        f"{subtitle(record)}; time and memory: lower is better, bandwidth: higher",
        [
            time_panel(rows),
            Panel("Bandwidth", "needed bytes per second / the copy's", shares, percent=True),
            memory_panel(rows, "memory beyond logits and gradient / naive torch's", "beside_gradient"),
        ],
    )
    return [picture]


def _label(row: Row) -> str:
    return f"{row['case']}{', in place' if row['provider'] == PGKERN_IN_PLACE else ''}"
