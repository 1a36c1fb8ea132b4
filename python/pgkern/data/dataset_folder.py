"""Records of a folder that `datasets` saved. That library is imported only here."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .narrow_floats import digits_as_written
from .record import Record

__all__ = ["dataset_records", "is_dataset_folder"]

_SEVERAL = "dataset_dict.json"  # what `DatasetDict.save_to_disk` leaves
_ONE = ("state.json", "dataset_info.json")  # what `Dataset.save_to_disk` leaves


def is_dataset_folder(path: Path) -> bool:
    """Whether `save_to_disk` wrote it, looked at without the library."""
    return (path / _SEVERAL).is_file() or all((path / name).is_file() for name in _ONE)


def dataset_records(path: Path, split: str, fields: Sequence[str] = ()) -> Iterator[Record]:
    """`datasets.load_from_disk(path)`, row by row, with the columns that `fields` are in; of several splits one.

    Where that is no column at all, the rows come whole. Numbers have the digits that they are written with
    (`narrow_floats.py`).

    Raises `ValueError` for a split that there is not (with those that there are) and for a folder that is damaged,
    `ModuleNotFoundError` without the library.
    """
    dataset = _loaded(path)
    if isinstance(dataset, dict):
        if split not in dataset:
            raise ValueError(f"{path} has no split {split!r}; it has {', '.join(map(repr, dataset)) or 'none'}")
        dataset = dataset[split]
    roots = {name.partition(".")[0] for name in fields} | set(fields)
    kept = [name for name in dataset.column_names if name in roots]
    rows, as_written = dataset.with_format(None), digits_as_written(dataset.features.arrow_schema)
    for number, values in enumerate(rows.select_columns(kept) if kept else rows, start=1):
        yield Record(as_written(values), number, f"{path}:{number}")


def _loaded(path: Path) -> Any:  # noqa: ANN401 - a Dataset or a DatasetDict
    try:
        from datasets import load_from_disk
    except ModuleNotFoundError as error:
        if error.name != "datasets":
            raise
        message = "a folder that datasets saved needs that library; pip install 'pgkern[datasets]'"
        raise ModuleNotFoundError(message, name="datasets") from None
    try:
        return load_from_disk(str(path))
    except Exception as error:  # of whatever kind the library and pyarrow have for what is torn
        raise ValueError(f"{path}: not a data set that can be read ({type(error).__name__}: {error})") from error
