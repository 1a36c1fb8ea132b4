"""The pictures of the record of the policy loss from hidden states."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..limits import CHUNK_GOAL, CHUNK_TOKENS, HEADLINE, PRODUCTS_GOAL, chunk_bytes
from ..policy_case import size_label
from ..provider_names import PGKERN
from .bars import Bar, Panel, write_bars
from .grid_bars import Row, memory_panel, time_panel
from .ink import subtitle
from .time_memory import write_time_memory


def draw(record: Mapping[str, Any], path: Path) -> Sequence[Path]:
    """Bars of time and memory beside what they are held against, and time against memory of everyone."""
    rows, size = _without_common_size(record["rows"])
    ours = [row for row in rows if row["provider"] == PGKERN]
    bars, points = path.with_suffix(".png"), path.with_name(f"{path.stem}-time-memory.png")
    title, beneath = f"policy loss{size}", f"{subtitle(record)}; lower is better"
    if record["device"]["kind"] == "cuda":
        write_bars(
            bars, f"pgkern beside the bare products: {title}", beneath, [_products_panel(ours), _chunks_panel(ours)]
        )
    else:
        memory = memory_panel(ours, "memory beyond inputs and gradients / naive torch's")
        write_bars(bars, f"pgkern beside naive torch: {title}", beneath, [time_panel(ours), memory])
    write_time_memory(points, f"Time against memory: {title}", beneath, _compared(rows))
    return [bars, points]


def _without_common_size(rows: Sequence[Row]) -> tuple[list[Row], str]:
    """Where all cases have the same N and D, the title says them instead of every label."""
    sizes = {(row["tokens"], row["hidden_size"]) for row in rows}
    if len(sizes) > 1:
        return list(rows), ""
    ((tokens, hidden_size),) = sizes
    prefix = f"{size_label(tokens, hidden_size)} "
    return [{**row, "case": row["case"].removeprefix(prefix)} for row in rows], f", N = {tokens:,}, D = {hidden_size:,}"


def _products_panel(rows: Sequence[Row]) -> Panel:
    bars = []
    for row in rows:
        ratio, *spread = row["products_ratio"]
        held = (row["tokens"], row["hidden_size"], row["vocabulary"]) == HEADLINE and row["active"] == 1
        goal = PRODUCTS_GOAL.get(row["work"]) if held and row["variation"] == "plain" else None
        bars.append(Bar(row["case"], ratio, tuple(spread), goal, None if goal is None else ratio <= goal))
    return Panel("Time", "time / the bare products' time (line: p20 to p80)", bars)


def _chunks_panel(rows: Sequence[Row]) -> Panel:
    bars = []
    for row in rows:
        goal = CHUNK_GOAL if row["variation"] == "plain" else None
        share = row["extra_bytes"] / chunk_bytes(row["tokens"], row["vocabulary"])
        bars.append(Bar(row["case"], share, None, goal, None if goal is None else share <= goal))
    axis = f"beyond inputs and gradients / fp32 logits of {CHUNK_TOKENS:,} tokens"
    return Panel("Peak extra memory", axis, bars)


def _compared(rows: Sequence[Row]) -> list[Row]:
    """The works themselves, not their variations; of the plain case that one which has peers beside it."""
    with_peers = {_size(row) for row in rows if row.get("variation") == "peers"}
    return [
        {**row, "case": row["case"].removesuffix(", with peers")}
        for row in rows
        if row.get("variation", "plain") == "peers"
        or (
            row.get("variation", "plain") == "plain"
            and row["active"] in (1, 0.5)
            and not (row["work"] == "both" and row["active"] == 1 and _size(row) in with_peers)
        )
    ]


def _size(row: Row) -> tuple[Any, ...]:
    return row["tokens"], row["hidden_size"], row["vocabulary"], row["dtype"]
