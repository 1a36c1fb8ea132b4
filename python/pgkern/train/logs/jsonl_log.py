"""Append-only logs of one JSON object per line, readable at any moment and after a kill at any moment.

Rows are strict JSON: NaN and infinities, which JSON does not have, become null. Every row has a ``step``, so that a
resumed run can drop what was written after its checkpoint. A last line without a line break was cut short by a kill;
readers skip it and writers remove it.
"""

from __future__ import annotations

import json
import math
import numbers
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeGuard

from ..files.atomic_write import write_file_atomically
from ..files.storage_error import writing

if TYPE_CHECKING:
    from typing_extensions import Self


class JsonlLog:
    """A file of JSON lines that is open for appending while the block runs.

    ``resume_after`` drops the rows of later steps first, since a run taken up at a checkpoint writes them anew.
    """

    def __init__(self, path: Path, resume_after: int | None = None) -> None:
        with writing("the log", path):
            path.touch()
            _repair(path, math.inf if resume_after is None else resume_after)
            self._file = path.open("ab", buffering=0)  # unbuffered: a row is with the kernel when `append` returns
        self._path = path

    def append(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Append rows in a single write; a row's values are numbers, strings, bools, None, and flat lists of these.

        Raises TypeError for any other value, and then writes none, and `StorageError` for a full disk, which may keep
        a part of them: the next to open the log cuts off the row that was cut short.
        """
        content = b"".join(_encode(row) for row in rows)
        with writing("a row", self._path):
            while content:  # once, but for a full disk or a signal
                content = content[self._file.write(content) :]

    def sync(self) -> None:
        """Return when the rows are on the disk: a checkpoint that outlives a power cut needs the rows before it."""
        with writing("the last rows", self._path):
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file; no row depends on it."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the rows of a log; a line cut short at the end is skipped.

    Raises ValueError with the file and line for any other line that is not a JSON object.
    """
    for row, _ in _rows_with_lines(path):
        yield row


def _rows_with_lines(path: Path) -> Iterator[tuple[dict[str, Any], bytes]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                row = json.loads(line)
            except ValueError as error:
                raise ValueError(f"{path}:{number}: not a JSON object: {error}") from error
            if not isinstance(row, dict):
                raise ValueError(f"{path}:{number}: not a JSON object: {line[:80]!r}")
            yield row, line


def _repair(path: Path, last_step: float) -> None:
    kept = b"".join(line for row, line in _rows_with_lines(path) if row.get("step", 0) <= last_step)
    if len(kept) != path.stat().st_size:
        write_file_atomically(path, kept)


def _encode(row: Mapping[str, object]) -> bytes:
    # ASCII only, for readers that take U+2028 for the end of a line.
    values = {
        key: _json_list(value, key) if _is_list(value) else _json_scalar(value, key) for key, value in row.items()
    }
    return json.dumps(values, allow_nan=False).encode() + b"\n"


def _is_list(value: object) -> TypeGuard[list[object] | tuple[object, ...]]:
    return isinstance(value, list | tuple)


def _json_list(values: Sequence[object], key: str) -> list[str | int | float | bool | None]:
    return [_json_scalar(value, f"{key}[{place}]") for place, value in enumerate(values)]


def _json_scalar(value: object, key: str) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()  # half a surrogate pair is no character
    if isinstance(value, numbers.Integral):  # numpy's integers and floats are among them
        return int(value)
    if isinstance(value, numbers.Real):
        number = float(value)
        return number if math.isfinite(number) else None
    raise TypeError(f"{key} is of type {type(value).__name__}, expected a number, a string, a bool or None")
