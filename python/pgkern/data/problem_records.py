"""The rows of whatever holds problems: JSON, JSON Lines, Parquet, a folder of these, or a folder that `datasets` wrote.

Nothing is downloaded: everything is read by its path.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from .dataset_folder import dataset_records, is_dataset_folder
from .json_array import json_array_records
from .json_lines import json_records
from .parquet import parquet_records
from .record import Record

__all__ = ["problem_records"]

_JSON_LINES = (".jsonl", ".jsonl.gz", ".ndjson", ".json.gz")
_JSON = (".json",)
_PARQUET = (".parquet",)
_KINDS = (_JSON_LINES, _JSON, _PARQUET)
_SPLITS = ("train", "test", "validation", "valid", "val", "dev")  # whose names tell a folder's files apart


def problem_records(path: Path, split: str, fields: Sequence[str] = ()) -> Iterator[Record]:
    """The rows one by one, file after file in the order of their names.

    A folder may be what `datasets` saved (of several splits `split` is read), hold a folder of the split's name, or
    files. Those whose name begins with the split's (`train-00000-of-00002.parquet`, `train.jsonl`) are read alone, and
    where there are none, those in folders within it (`algebra/train-00000-of-00001.parquet`). All of them are read
    (`algebra/1.json`) where no name is that of a split. They must be of one kind.

    Of a Parquet file and of a data set only the columns that `fields` are in are read; all of them by default.

    Raises `FileNotFoundError`; `ValueError` for a split that there is not (with those that there are), for a folder
    without such files or with several kinds of them, and for what cannot be read, with the file's name;
    `ModuleNotFoundError` without the library that reads it.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist")
    if not path.is_dir():
        yield from _file_records(path, fields)
    elif is_dataset_folder(path):
        yield from dataset_records(path, split, fields)
    elif (path / split).is_dir():
        yield from problem_records(path / split, split, fields)
    else:
        for file in _files(path, split):
            yield from _file_records(file, fields)


def _file_records(path: Path, fields: Sequence[str]) -> Iterator[Record]:
    if path.name.endswith(_PARQUET):
        return parquet_records(path, [], fields)
    if path.name.endswith(_JSON):
        return json_array_records(path)
    return json_records(path)


def _files(folder: Path, split: str) -> list[Path]:
    kind_of = {path: _kind(path) for path in sorted(folder.rglob("*")) if path.is_file()}
    files = [path for path, kind in kind_of.items() if kind is not None]
    if not files:
        raise ValueError(f"{folder} holds no problems: no .jsonl, .json or .parquet file is in it")
    files = _of_split(folder, files, split)
    other = next((path for path in files if kind_of[path] != kind_of[files[0]]), None)
    if other is not None:
        raise ValueError(f"{folder} holds files of several kinds, such as {files[0]} and {other}; name one of them")
    return files


def _kind(path: Path) -> int | None:
    return next((index for index, endings in enumerate(_KINDS) if path.name.endswith(endings)), None)


def _of_split(folder: Path, files: list[Path], split: str) -> list[Path]:
    """The split's files: those in the folder itself where there are any; all files where none is of any split."""
    parts = {path: path.relative_to(folder).parts for path in files}
    if own := [path for path in files if _is_of(parts[path], split)]:
        return [path for path in own if path.parent == folder] or own
    if there := [name for name in _SPLITS if any(_is_of(each, name) for each in parts.values())]:
        raise ValueError(f"{folder} has no split {split!r}; it has {', '.join(map(repr, there))}")
    return files


def _is_of(parts: tuple[str, ...], split: str) -> bool:
    """Whether the file's name begins with the split's, or a folder that it is in has that name, in any case."""
    split = split.lower()
    *folders, name = (part.lower() for part in parts)
    return split in folders or (name.startswith(split) and name[len(split) : len(split) + 1] in (".", "-", "_"))
