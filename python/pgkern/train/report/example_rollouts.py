"""The rollouts that a report shows: spread over the run, and the last ones of every outcome."""

from __future__ import annotations

import json
import re
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

_STEPS = 10
_PER_STEP = 4
_PER_VERDICT = 3
# What stands first and later in a row as it is written; a row that does not look so is parsed.
_STEP = re.compile(rb'\{"step": (\d+),')
_VERDICT = re.compile(rb'"verdict": "(\w+)", "reward": ')


class _Place(NamedTuple):
    offset: int
    line: int


def example_rollouts(path: Path) -> list[dict[str, Any]]:
    """Rollouts of steps spread evenly over the run, the first and the last included, and the last of each verdict.

    The file may be long: only rows that are shown are parsed. Raises ValueError with the line for one that is no JSON
    object.
    """
    rows_of: dict[object, list[_Place]] = {}  # the first rows of each step
    last_of: dict[str, deque[_Place]] = {}
    with path.open("rb") as file:
        for place, line in _lines(file):
            rows = rows_of.setdefault(_step(line, place, path), [])
            if len(rows) < _PER_STEP:
                rows.append(place)
            if found := _VERDICT.search(line):
                last_of.setdefault(found[1].decode(), deque(maxlen=_PER_VERDICT)).append(place)
        steps = list(rows_of)
        spread = {steps[round(i * (len(steps) - 1) / (_STEPS - 1))] for i in range(_STEPS)} if steps else set()
        shown = {place: _row_at(file, place, path) for step in spread for place in rows_of[step]}
        count = Counter(row.get("verdict") for row in shown.values())
        for verdict, places in last_of.items():
            for place in list(places)[: max(0, _PER_VERDICT - count[verdict])]:
                shown.setdefault(place, _row_at(file, place, path))
    return [row for _, row in sorted(shown.items(), key=lambda each: each[0])]


def _lines(file: IO[bytes]) -> Iterator[tuple[_Place, bytes]]:
    """The whole lines; one without a line break was cut short by a kill."""
    offset = 0
    for number, line in enumerate(file, start=1):
        if line.endswith(b"\n"):
            yield _Place(offset, number), line
        offset += len(line)


def _step(line: bytes, place: _Place, path: Path) -> object:
    if found := _STEP.match(line):
        return int(found[1])
    step = _parsed(line, place, path).get("step")
    return step if isinstance(step, int | float | str) else None


def _row_at(file: IO[bytes], place: _Place, path: Path) -> dict[str, Any]:
    file.seek(place.offset)
    return _parsed(file.readline(), place, path)


def _parsed(line: bytes, place: _Place, path: Path) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError(f"{path}:{place.line}: not a JSON object: {error}") from error
    if not isinstance(row, dict):
        raise ValueError(f"{path}:{place.line}: not a JSON object: {line[:80]!r}")
    return row
