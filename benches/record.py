"""The record of a bench: a JSON file of a stable name, with everything needed to judge its figures."""

import json
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .environment import environment
from .goals import Goal

RESULTS = Path(__file__).resolve().parent / "results"
"""Where records and pictures go unless told otherwise."""


def result_path(results: Path, device: str, name: str, quick: bool) -> Path:
    """`results/cpu-linear-policy-loss.json`; a quick run never overwrites a real one."""
    return results / f"{device}-{name.replace('_', '-')}{'-quick' if quick else ''}.json"


class Record:
    """Opened when a bench starts, so that commit and load are those of the start; written when it ends."""

    def __init__(self, name: str, *, device: str, quick: bool, results: Path) -> None:
        self.path = result_path(results, device, name, quick)
        self.head: dict[str, Any] = {
            "name": name,
            "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "command": shlex.join(["python", "-m", "benches", *sys.argv[1:]]),
            "quick": quick,
            **environment(device),
        }

    @property
    def device(self) -> dict[str, Any]:
        """What was measured on."""
        device: dict[str, Any] = self.head["device"]
        return device

    def write(
        self,
        rows: Sequence[Mapping[str, Any]],
        goals: Iterable[Goal],
        notes: Iterable[str],
        **more: Any,
    ) -> None:
        """Write the file; `more` are further fields of it."""
        content = {
            **self.head,
            "notes": list(notes),
            "goals": [goal.to_json() for goal in goals],
            "rows": [dict(row) for row in rows],
            **more,
        }
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        self.path.write_text(text + "\n", encoding="utf-8")
