"""Everything that a report tells of a run, read from its folder."""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files.run_folder import RunFolder
from ..logs.jsonl_log import read_jsonl
from ..logs.metrics import read_metrics
from .axes import Mark
from .curves import finite
from .example_rollouts import example_rollouts

MARKED = ("diverged", "rolled_back", "resumed")
"""The events that are marked on the curves."""
_EVENTS = 200  # of the last ones


@dataclass(frozen=True)
class RunRecord:
    """A run as its folder has it; what is missing there is empty here."""

    name: str
    rows: list[dict[str, Any]]
    events: list[dict[str, Any]]
    """The last so many."""
    num_events: int
    rollouts: list[dict[str, Any]]
    config: str | None
    versions: dict[str, str]

    def marks(self) -> list[Mark]:
        """The events that belong on the curves."""
        return [
            Mark(step, str(event["event"]), str(event.get("message", "")))
            for event in self.events
            if event.get("event") in MARKED and (step := finite(event.get("step"))) is not None
        ]


def read_run(folder: RunFolder) -> RunRecord:
    """Read a run, finished or not. Raises ValueError with file and line for a log that is damaged but at its end."""
    events = list(read_jsonl(folder.events)) if folder.events.exists() else []
    kept = [event for event in events if event.get("event") in MARKED]
    others = deque((event for event in events if event.get("event") not in MARKED), maxlen=_EVENTS)
    return RunRecord(
        name=folder.path.resolve().name,
        rows=read_metrics(folder.metrics) if folder.metrics.exists() else [],
        events=sorted([*kept[-_EVENTS:], *others], key=lambda event: finite(event.get("step")) or 0.0),
        num_events=len(events),
        rollouts=example_rollouts(folder.rollouts) if folder.rollouts.exists() else [],
        config=folder.config.read_text("utf-8", "replace") if folder.config.exists() else None,
        versions=_versions(folder.versions),
    )


def _versions(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    try:
        versions = json.loads(path.read_bytes())
    except ValueError as error:
        raise ValueError(f"{path}: not a JSON object: {error}") from error
    if not isinstance(versions, dict):
        raise ValueError(f"{path}: not a JSON object")
    return {str(package): str(version) for package, version in versions.items()}
