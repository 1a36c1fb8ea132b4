"""The record of a bench: a JSON file of a stable name, with everything needed to judge its figures."""

import json
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .environment import device_name, environment
from .goals import Goal

RESULTS = Path(__file__).resolve().parent / "results"
"""Where records and pictures go unless told otherwise."""


def _without_results(arguments: Sequence[str]) -> list[str]:
    """What is said of a bench but where its record goes: a folder of somebody's machine."""
    kept, after = list[str](), ""
    for argument in arguments:
        if "--results" not in (after, argument.partition("=")[0]):
            kept.append(argument)
        after = argument
    return kept


def result_path(results: Path, device: str, name: str, quick: bool) -> Path:
    """Such as `results/h200-linear-policy-loss.json`; a quick run never overwrites a real one."""
    return results / f"{device}-{name.replace('_', '-')}{'-quick' if quick else ''}.json"


class Record:
    """Opened when a bench starts, so that commit and load are those of the start; written as often as there is news."""

    def __init__(self, name: str, *, device: str, quick: bool, results: Path) -> None:
        self.head: dict[str, Any] = {
            "name": name,
            "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "command": shlex.join(["python", "-m", "benches", *_without_results(sys.argv[1:])]),
            "quick": quick,
            **environment(device),
        }
        self.path = result_path(results, device_name(self.head["device"]), name, quick)

    @property
    def device(self) -> dict[str, Any]:
        """What was measured on."""
        device: dict[str, Any] = self.head["device"]
        return device

    def stamp(self) -> dict[str, Any]:
        """When and on which commit a row was measured, for rows that may be kept in a later record."""
        now = datetime.now(timezone.utc).isoformat(timespec="seconds")
        return {"date": now, **{key: self.head[key] for key in ("commit", "dirty")}}

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
        unfinished = self.path.with_suffix(".part")
        unfinished.write_text(text + "\n", encoding="utf-8")
        unfinished.replace(self.path)  # whoever stops a bench finds the last whole record
