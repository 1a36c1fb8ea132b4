"""Several runs side by side: names that tell them apart, the settings in which they differ, and a style for each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config_file import read_toml
from ..files.run_folder import RunFolder
from .curves import Curve, MetricCurves, validation_curve, warmup_range
from .run_record import RunRecord, read_run

_ABSENT = "not set"
_OF_THE_FOLDER = "run.folder"
_SEED = "run.seed"


@dataclass(frozen=True)
class ComparedRun:
    """A run among others."""

    name: str
    record: RunRecord
    curves: MetricCurves
    """Of the policy-gradient phase, its steps counted from 1: warm-ups of different length do not shift them."""
    validation: Curve
    """From step 0 on, where there was a warm-up."""
    differs: dict[str, str]
    """The settings that not all runs have in common, and their values here."""
    style: str
    """CSS classes of its lines. Runs that differ in nothing but the seed share a colour and have their own dashes."""


def read_runs(folders: Sequence[RunFolder]) -> list[ComparedRun]:
    """Read the runs. Raises ValueError for fewer than two, a folder given twice, and one without a run in it."""
    if len(folders) < 2:
        raise ValueError(f"a comparison needs at least two runs, got {len(folders)}")
    paths = [folder.path.resolve() for folder in folders]
    for place, path in enumerate(paths):
        if path in paths[:place]:
            raise ValueError(f"{folders[place].path} is given twice (also as {folders[paths.index(path)].path})")
        if not folders[place].metrics.is_file():
            raise ValueError(f"{folders[place].path} is no run folder: there is no {folders[place].metrics.name} in it")
    settings = [flat(read_toml(folder.config)) if folder.config.exists() else {} for folder in folders]
    differing = _differences(settings)
    styles = _styles(differing)
    return [
        _compared(name, read_run(folder), differs, style)
        for name, folder, differs, style in zip(unique_names(paths), folders, differing, styles, strict=True)
    ]


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """A TOML document as dotted names and values in words: ``rewards.1.weight`` is of the first of several tables."""
    settings: dict[str, str] = {}
    for name, value in table.items():
        if isinstance(value, dict):
            settings |= flat(value, f"{prefix}{name}.")
        elif isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
            settings |= flat({str(place): each for place, each in enumerate(value, start=1)}, f"{prefix}{name}.")
        else:
            settings[prefix + name] = str(value).lower() if isinstance(value, bool) else str(value)
    return settings


def unique_names(paths: Sequence[Path]) -> list[str]:
    """The last part of each path, with as many of those before it as it takes to tell them apart."""
    names = [path.name for path in paths]
    depth = 2
    while len(set(names)) < len(names) and depth <= max(len(path.parts) for path in paths):
        again = {name for name in names if names.count(name) > 1}
        names = [
            "/".join(path.parts[-depth:]) if name in again else name for name, path in zip(names, paths, strict=True)
        ]
        depth += 1
    return names


def _compared(name: str, record: RunRecord, differs: dict[str, str], style: str) -> ComparedRun:
    warmup = warmup_range(record.rows)
    before = 0.0 if warmup is None else warmup[1]

    validation = validation_curve(record.rows)
    return ComparedRun(
        name=name,
        record=record,
        curves=MetricCurves(row for row in record.rows if row.get("phase") != "warmup").between(
            -math.inf, math.inf, shift=-before
        ),
        validation=Curve(validation.steps - before, validation.values),
        differs=differs,
        style=style,
    )


def _differences(settings: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    names = dict.fromkeys(name for each in settings for name in each if name != _OF_THE_FOLDER)
    differing = [name for name in names if len({each.get(name, _ABSENT) for each in settings}) > 1]
    return [{name: each.get(name, _ABSENT) for name in differing} for each in settings]


def _styles(differing: Sequence[Mapping[str, str]]) -> list[str]:
    kinds = [tuple(item for item in each.items() if item[0] != _SEED) for each in differing]
    if len(set(kinds)) in (1, len(kinds)):
        return [_style(place, place // 8) for place in range(len(kinds))]
    groups = list(dict.fromkeys(kinds))
    return [_style(groups.index(kind), kinds[:place].count(kind)) for place, kind in enumerate(kinds)]


def _style(colour: int, dashes: int) -> str:
    return f"s{1 + colour % 8} d{1 + dashes % 3}"
