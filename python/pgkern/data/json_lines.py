"""Records of a JSON Lines file that somebody else wrote: a mistake in it is told with file and line."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple


class Record(NamedTuple):
    """One line's object, the line's number from 1, and `file:line` for messages."""

    values: dict[str, Any]
    line: int
    where: str

    def field(self, name: str) -> object:
        """The field's value. Raises `ValueError` with the fields that there are when it is missing."""
        if name not in self.values:
            raise ValueError(f"{self.where}: no field {name!r}; it has {', '.join(map(repr, self.values)) or 'none'}")
        return self.values[name]


def json_records(path: Path) -> Iterator[Record]:
    """The file's objects one by one, blank lines passed over; the file is never in memory as a whole.

    Raises `ValueError` with file and line for a line that is no JSON object, and `OSError` as opening a file does.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            try:
                values = json.loads(line.decode())  # UTF-8; bytes would be guessed at
            except (ValueError, RecursionError) as error:
                raise ValueError(f"{where}: not valid JSON ({error})") from error
            if not isinstance(values, dict):
                raise ValueError(f"{where}: expected a JSON object, got {type(values).__name__}")
            yield Record(values, number, where)
