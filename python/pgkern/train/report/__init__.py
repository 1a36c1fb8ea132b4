"""The report of a run: ``reward.png`` and ``report.html``, made from the files in the run folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..atomic_write import write_file_atomically
from ..jsonl_log import read_jsonl
from ..metrics import read_metrics
from ..run_folder import RunFolder
from .page import report_page
from .reward_figure import write_reward_figure

_STEPS_SHOWN = 10
_ROLLOUTS_PER_STEP = 4


def write_report(folder: RunFolder) -> None:
    """Write the report of a run, finished or not. A file of the run that is missing is a part that the report lacks.

    Raises ValueError with the line for a log that is damaged other than at its end.
    """
    rows = read_metrics(folder.metrics) if folder.metrics.exists() else []
    rollouts = example_rollouts(folder.rollouts) if folder.rollouts.exists() else []
    config = folder.config.read_text("utf-8", "replace") if folder.config.exists() else None
    versions = json.loads(folder.versions.read_bytes()) if folder.versions.exists() else {}
    name = folder.path.resolve().name
    write_reward_figure(rows, folder.reward_figure, name)
    page = report_page(name, rows, rollouts, config, versions)
    write_file_atomically(folder.report, page.encode("utf-8", "replace"))


def example_rollouts(path: Path) -> list[dict[str, Any]]:
    """Some rollouts of steps that are spread evenly over the run, the first and the last one included."""
    steps = list(dict.fromkeys(row.get("step") for row in read_jsonl(path)))
    last = len(steps) - 1
    shown = {steps[round(i * last / (_STEPS_SHOWN - 1))]: 0 for i in range(_STEPS_SHOWN)} if steps else {}
    rows = []
    for row in read_jsonl(path):
        if shown.get(row.get("step"), _ROLLOUTS_PER_STEP) < _ROLLOUTS_PER_STEP:
            shown[row.get("step")] += 1
            rows.append(row)
    return rows
