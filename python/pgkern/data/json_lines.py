"""Records of a JSON Lines file that somebody else wrote: a mistake in it is told with file and line."""

import codecs
import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from .record import Record

__all__ = ["Record", "WrittenNumber", "decode_json", "json_records"]


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

    A byte order mark in front is passed over, too. A file whose name ends in `.gz` is unpacked on the way.

    Raises `ValueError` with file and line for a line that is no JSON object, or hands it to `on_bad` and goes on;
    `ValueError` for a `.gz` that is damaged; `OSError` as opening a file does.
    """
    with _opened(path) as (lines, packed):
        end = 0
        for number, line in enumerate(lines, start=1):
            end = end + len(line) if packed is None else packed.tell()
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


def decode_json(text: bytes, where: str) -> Any:  # noqa: ANN401 - any value
    """The value that a UTF-8 text holds. Raises `ValueError` that begins with `where`."""
    try:
        return _DECODER.decode(text.decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{where}: not valid JSON ({error})") from error


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Iterable[bytes], IO[bytes] | None]]:
    """The file's lines and, of one that is packed, the file that they come from."""
    with path.open("rb") as file:
        if path.suffix != ".gz":
            yield file, None
            return
        try:
            with gzip.open(file) as lines:
                yield lines, file
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise ValueError(f"{path}: not a gzip file that can be read ({error})") from error


def _record(line: bytes, number: int, where: str, end: int) -> Record:
    values = decode_json(line, where)
    if not isinstance(values, dict):
        raise ValueError(f"{where}: expected a JSON object, got {type(values).__name__}")
    return Record(values, number, where, end)
