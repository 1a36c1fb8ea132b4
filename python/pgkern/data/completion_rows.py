"""Rows of completions and golds, from JSON Lines and Parquet files, in batches of bounded size."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..gold_text import gold_text, number_text
from ..verification import Gold
from .json_lines import json_records
from .parquet import parquet_records
from .record import Record

__all__ = ["CompletionRow", "Fields", "batches", "completion_rows"]

BATCH_ROWS = 4096
"""Rows in a batch: enough to keep all cores busy, and a few megabytes."""

BATCH_CHARACTERS = 16 << 20
"""A batch ends with the completion that goes past this, however few rows it has."""


@dataclass(frozen=True)
class Fields:
    """Which field of a row holds what; a dotted name leads into objects and lists (`response.choices.0.text`).

    `expected` (a right/wrong label) is looked at only where a row has it; `id` is copied to the output.
    """

    completion: str = "completion"
    gold: str = "gold"
    expected: str | None = "expected"
    id: str | None = None

    def read(self) -> dict[str, str | None]:
        """The fields that an output depends on: a label changes none of its rows."""
        return {"completion field": self.completion, "gold field": self.gold, "id field": self.id}


@dataclass(frozen=True)
class CompletionRow:
    """One row: its file and number from 1 (of its line, in a text file), and what is to be verified."""

    file: Path
    line: int
    id: str | int | None
    completion: str
    gold: Gold
    expected: bool | None
    end: int
    """Bytes of the file up to the row's end."""


def completion_rows(
    path: Path, fields: Fields, on_bad: Callable[[ValueError], None] | None = None
) -> Iterator[CompletionRow]:
    """The rows of one file; Parquet by its suffix, JSON Lines otherwise.

    Raises `ValueError` that names file and row for a row that cannot be used, or hands it to `on_bad` and goes on.
    """
    for record in _records(path, fields, on_bad):
        try:
            row = _row(path, record, fields)
        except ValueError as error:
            if on_bad is None:
                raise
            on_bad(error)
        else:
            yield row


def batches(rows: Iterable[CompletionRow]) -> Iterator[list[CompletionRow]]:
    """The rows in lists that are small enough to hold."""
    batch: list[CompletionRow] = []
    characters = 0
    for row in rows:
        batch.append(row)
        characters += len(row.completion)
        if len(batch) >= BATCH_ROWS or characters >= BATCH_CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch


def _records(path: Path, fields: Fields, on_bad: Callable[[ValueError], None] | None) -> Iterator[Record]:
    if path.suffix == ".parquet":
        wanted = [name for name in (fields.completion, fields.gold, fields.id) if name is not None]
        return parquet_records(path, wanted, [] if fields.expected is None else [fields.expected])
    return json_records(path, on_bad)


def _row(path: Path, record: Record, fields: Fields) -> CompletionRow:
    completion = record.field(fields.completion)
    if not isinstance(completion, str):
        kind = type(completion).__name__ if number_text(completion) is None else "number"
        raise ValueError(f"{record.where}: field {fields.completion!r} is a {kind}, not text")
    identity = None if fields.id is None else record.field(fields.id)
    if isinstance(identity, bool) or not (identity is None or isinstance(identity, str | int)):
        raise ValueError(f"{record.where}: field {fields.id!r} is neither text nor an integer: {identity!r:.80}")
    return CompletionRow(
        path, record.line, identity, completion, _gold(record, fields.gold), _expected(record, fields), record.end
    )


def _gold(record: Record, name: str) -> Gold:
    gold = record.field(name)
    try:
        return gold_text(gold)
    except ValueError as error:
        what = "neither text nor a number nor a list of these"
        raise ValueError(f"{record.where}: field {name!r} is {what}: {gold!r:.80}") from error


def _expected(record: Record, fields: Fields) -> bool | None:
    expected = None if fields.expected is None else record.optional(fields.expected)
    if expected is None or isinstance(expected, bool):
        return expected
    if isinstance(expected, int | float) and expected in (0, 1):
        return bool(expected)
    raise ValueError(f"{record.where}: field {fields.expected!r} is neither true nor false: {expected!r:.80}")
