"""Rows of an earlier run that a record keeps, so that a grid can be measured a cell at a time."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_MUST_AGREE = ("name", "quick", "code", "device", "versions")


@dataclass(frozen=True)
class KeptRows:
    """Rows and notes as they were written; every row has the date and the commit of its own measurement."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def kept_rows(path: Path, head: Mapping[str, Any]) -> KeptRows:
    """What the record at `path` has; nothing if there is none.

    Raises:
        ValueError: it was measured with other code, on another device or with other versions than `head` says.
    """
    if not path.exists():
        return KeptRows()
    earlier = json.loads(path.read_text(encoding="utf-8"))
    differing = [key for key in _MUST_AGREE if earlier.get(key) != head[key]]
    if differing:
        said = "; ".join(f"{key} was {earlier.get(key)}, is {head[key]}" for key in differing)
        raise ValueError(f"nothing can be added to {path.name}, which was measured otherwise: {said}")
    return KeptRows(earlier["rows"], earlier["notes"], earlier.get("left_out", []))
