"""Records of a JSON Lines file that somebody else wrote: a mistake in it is told with file and line."""

import codecs
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from .record import Record

__all__ = ["Record", "WrittenNumber", "json_records"]


class WrittenNumber(float):
    """A number with a point or an exponent. `str` of it are the digits that the file has, all of them."""

    def __new__(cls, text: str) -> "WrittenNumber":
        """Read it."""
        number = super().__new__(cls, text)
        number._text = text
        return number

    _text: str

    def __str__(self) -> str:
        return self._text


_DECODER = json.JSONDecoder(parse_float=WrittenNumber)  # `json.loads` would make one for every line


def json_records(path: Path, on_bad: Callable[[ValueError], None] | None = None) -> Iterator[Record]:
    """The file's objects one by one, blank lines passed over; the file is never in memory as a whole.

    A byte order mark in front is passed over, too.

    Raises `ValueError` with file and line for a line that is no JSON object, or hands it to `on_bad` and goes on;
    `OSError` as opening a file does.
    """
    with path.open("rb") as lines:
        end = 0
        for number, line in enumerate(lines, start=1):
            end += len(line)
            if number == 1:
                line = line.removeprefix(codecs.BOM_UTF8)
            if not line.strip():
                continue
            try:
                record = _record(line, number, f"{path}:{number}", end)
            except ValueError as error:
                if on_bad is None:
                    raise
                on_bad(error)
            else:
                yield record


def _record(line: bytes, number: int, where: str, end: int) -> Record:
    try:
        values = _DECODER.decode(line.decode())  # UTF-8
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: not valid JSON ({error})") from error
    if not isinstance(values, dict):
        raise ValueError(f"{where}: expected a JSON object, got {type(values).__name__}")
    return Record(values, number, where, end)
