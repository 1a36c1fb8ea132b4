"""Records of a Parquet file, a few at a time, and a table written from records."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

from .narrow_floats import digits_as_written
from .new_file import new_file
from .record import Record

__all__ = ["parquet_records", "write_parquet"]

_READ_ROWS = 256  # rows decoded at a time: long completions make a row a megabyte
_WRITTEN_ROWS = 65_536  # rows of a row group: tens of megabytes at most
_BUFFER = 1 << 20  # bytes read ahead of each column; without it a row group is in memory as a whole


def parquet_records(path: Path, wanted: Sequence[str], optional: Sequence[str]) -> Iterator[Record]:
    """The rows one by one, numbered from 1, with the columns that the fields `wanted` and `optional` are in.

    Where that is no column at all, the rows come whole. Numbers have the digits that they are written with
    (`narrow_floats.py`).

    Raises `ValueError` with the file's name for one that is no Parquet, is damaged or lacks a wanted column (with those
    that there are), `ModuleNotFoundError` without pyarrow, `FileNotFoundError`.
    """
    parquet = _pyarrow_parquet()
    from pyarrow import ArrowException

    size = path.stat().st_size
    try:
        with parquet.ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as file:
            kept = _columns(path, file.schema_arrow.names, wanted, optional)
            as_written = digits_as_written(file.schema_arrow)
            number, total = 0, max(file.metadata.num_rows, 1)
            for batch in file.iter_batches(batch_size=_READ_ROWS, columns=kept or None, use_threads=False):
                for values in batch.to_pylist():
                    number += 1
                    yield Record(as_written(values), number, f"{path}:{number}", size * number // total)
    except (ArrowException, OSError, UnicodeDecodeError) as error:  # none of which names the file
        raise ValueError(f"{path}: not a Parquet file that can be read ({error})") from error


def _columns(path: Path, names: Sequence[str], wanted: Sequence[str], optional: Sequence[str]) -> list[str]:
    """The columns to read, of those that there are."""
    columns = {name: _column(name, names) for name in (*wanted, *optional)}
    for name in wanted:
        if columns[name] is None:
            raise ValueError(f"{path}: no field {name!r}; it has {', '.join(map(repr, names)) or 'none'}")
    return sorted({column for column in columns.values() if column is not None})


def _column(name: str, names: Sequence[str]) -> str | None:
    """The column a field is, or is in."""
    root = name if name in names else name.partition(".")[0]
    return root if root in names else None


def write_parquet(path: Path, rows: Iterable[dict[str, Any]], columns: dict[str, str]) -> None:
    """Write rows as a table of `columns` (name to type: `int64` or `string`); the file appears when it is complete."""
    parquet = _pyarrow_parquet()
    import pyarrow

    schema = pyarrow.schema([(name, pyarrow.type_for_alias(kind)) for name, kind in columns.items()])
    rows = iter(rows)
    with new_file(path) as temporary, parquet.ParquetWriter(temporary, schema) as writer:
        while some := list(islice(rows, _WRITTEN_ROWS)):
            writer.write_table(pyarrow.Table.from_pylist(some, schema))


def _pyarrow_parquet() -> ModuleType:
    try:
        import pyarrow.parquet
    except ModuleNotFoundError as error:
        if error.name is None or not error.name.startswith("pyarrow"):
            raise
        raise ModuleNotFoundError("Parquet files need pyarrow; pip install 'pgkern[parquet]'", name="pyarrow") from None
    module: ModuleType = pyarrow.parquet
    return module
