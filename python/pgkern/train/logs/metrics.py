"""The metrics of a run, one JSON object per step in ``metrics.jsonl``.

Load them with ``pandas.read_json("metrics.jsonl", lines=True)``. A metric that was not measured in a step is absent;
one that was measured and is not finite is null.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from .jsonl_log import JsonlLog, read_jsonl

Phase = Literal["warmup", "policy_gradient"]


class MetricsLog(JsonlLog):
    """Writes ``metrics.jsonl``. Steps count on through both phases, so each is larger than the one before."""

    def __init__(self, path: Path, resume_after: int | None = None) -> None:
        super().__init__(path, resume_after)
        self._last_step = max((row["step"] for row in read_jsonl(path)), default=None)

    def log(self, step: int, phase: Phase, metrics: Mapping[str, float | None]) -> None:
        """Append the metrics of one step. Raises ValueError when the step is not larger than the last one."""
        if self._last_step is not None and step <= self._last_step:
            raise ValueError(f"step {step} of the metrics follows step {self._last_step}; steps must increase")
        if clash := {"step", "phase"} & metrics.keys():
            raise ValueError(f"{', '.join(sorted(clash))} among the metrics of step {step}; pass it as an argument")
        self.append([{"step": step, "phase": phase, **metrics}])
        self._last_step = step


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Read the rows of ``metrics.jsonl`` in order. Raises ValueError with the line for a file that is damaged."""
    return list(read_jsonl(path))
