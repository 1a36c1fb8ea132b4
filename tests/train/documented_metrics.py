"""The table of metrics in docs/training.md, which every row of a run is held to."""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

_PAGE = Path(__file__).parents[2] / "docs" / "training.md"


@cache
def documented() -> re.Pattern[str]:
    """Of the names in the table's first column; `<name>` is any word, `_train` after `seconds_score` its sibling."""
    section = _PAGE.read_text(encoding="utf-8").split("\n## What the metrics are\n")[1]
    names = list[str]()
    for line in section.splitlines():
        if line.startswith("| `"):
            for name in re.findall("`([^`]+)`", line.split("|")[1]):
                names.append(names[-1].rpartition("_")[0] + name if name.startswith("_") else name)
    return re.compile("|".join(re.sub("<[a-z]+>", r"\\w+", name) for name in names))


def undocumented(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """Names in the rows of `metrics.jsonl` that the page does not explain."""
    return {name for row in rows for name in row if not documented().fullmatch(name)}
