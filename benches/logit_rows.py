"""What goals and pictures read from the rows of the losses from logits."""

from collections.abc import Iterable, Mapping
from typing import Any

from .provider_names import PGKERN, PGKERN_IN_PLACE

Row = Mapping[str, Any]


def ours(rows: Iterable[Row]) -> list[Row]:
    """This library's."""
    return [row for row in rows if row["provider"] in (PGKERN, PGKERN_IN_PLACE)]


def one_visit(row: Row) -> bool:
    """Whether the work takes one visit to the logits, so that it is held against a copy of them."""
    return row["work"] in ("log_probs", "entropy", "loss")


def memory_beside_gradient(row: Row) -> float:
    """Extra memory without the gradient that is handed over, as a share of plain torch's extra memory."""
    if not row["memory_ratio"]:
        return 0.0
    new_gradient = row["provider"] == PGKERN and row["work"] not in ("log_probs", "entropy")
    naive_bytes: float = row["extra_bytes"] / row["memory_ratio"]
    beside: float = row["extra_bytes"] - (row["logits_bytes"] if new_gradient else 0)
    return max(0.0, beside) / naive_bytes
