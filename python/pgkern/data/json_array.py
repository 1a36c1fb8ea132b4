"""Records of a JSON file: an array of objects, one object alone, or after all one object a line."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from .json_lines import decode_json, json_records
from .record import Record

__all__ = ["json_array_records"]


def json_array_records(path: Path) -> Iterator[Record]:
    """The file's objects one by one, numbered from 1 (by their line, where each has one).

    A file that begins with `[`, or holds a single object, is read as a whole; any other a line at a time.

    Raises `ValueError` with the file's name for what is not JSON, and for an element that is no object; `OSError` as
    opening a file does.
    """
    with path.open("rb") as file:
        first = file.readline().removeprefix(codecs.BOM_UTF8).strip()
    if first[:1] == b"{" and first[-1:] == b"}" and len(first) > 1:
        yield from json_records(path)
        return
    text = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    values = decode_json(text, str(path))
    for number, element in enumerate(values if isinstance(values, list) else [values], start=1):
        where = f"{path}:{number}" if isinstance(values, list) else str(path)
        if not isinstance(element, dict):
            raise ValueError(f"{where}: expected a JSON object, got {type(element).__name__}")
        yield Record(element, number, where)
