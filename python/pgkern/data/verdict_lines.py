"""The verdicts of a run, a JSON line each, that another run can continue after this one was killed."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from ..verdict import Verdict
from .output_options import OutputOptions, options_path
from .parquet import write_parquet

__all__ = ["VerdictLine", "VerdictLines"]


@dataclass(frozen=True)
class VerdictLine:
    """One row of an output: the row's file (where there are several), number and id, its verdict and its answer."""

    file: str | None
    line: int
    id: str | int | None
    verdict: Verdict
    answer: str | None

    def values(self) -> dict[str, Any]:
        """What is written: file and id only where they say something."""
        values: dict[str, Any] = {} if self.file is None else {"file": self.file}
        values["line"] = self.line
        if self.id is not None:
            values["id"] = self.id
        return {**values, "verdict": self.verdict.name, "answer": self.answer}


class VerdictLines:
    """An output file that grows by a batch at a time.

        with VerdictLines(path, {"mode": "auto"}, resume=True) as output:
            earlier = output.kept(1000)         # what an earlier run wrote, up to the first torn line
            output.write(lines)
            output.finish()

    Each batch is written at once; what a killed run leaves behind a whole line is cut off when it is resumed. An output
    that ends in `.parquet` can be read only when it is complete, so its lines grow in `NAME.partial.jsonl`, and
    `finish` makes the table of them.

    The options stand beside it until then, so that no run with others continues it.

    Raises `ValueError` when a line that was kept is no verdict or was written with other options, `OSError` as opening
    a file does.
    """

    def __init__(self, path: Path, options: Mapping[str, str | float | None], *, resume: bool) -> None:
        self._path = path
        self._is_table = path.suffix == ".parquet"
        self._lines = _partial_path(path) if self._is_table else path
        self._options = OutputOptions(path, options)
        if resume and self._lines.exists() and self._lines.stat().st_size:
            self._options.check()
        self._file: BinaryIO = open(self._lines, "a+b" if resume else "wb")  # noqa: SIM115  (closed by `__exit__`)
        end = _cut_torn_line(self._file) if resume else 0
        if end == 0:  # after the lines that other options may have written are gone
            self._options.write()
        self._kept = iter(_verdict_lines(self._lines, end))

    @staticmethod
    def files(path: Path) -> dict[str, Path]:
        """All files that an output at `path` takes, with what each is."""
        lines = {"unfinished output": _partial_path(path)} if path.suffix == ".parquet" else {}
        return {"output": path, **lines, "options of the output": options_path(path)}

    def __enter__(self) -> "VerdictLines":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def kept(self, most: int) -> list[VerdictLine]:
        """The next lines of the earlier run, at most so many."""
        return list(islice(self._kept, most))

    def write(self, lines: Sequence[VerdictLine]) -> None:
        """Append lines."""
        self._file.write("".join(json.dumps(line.values()) + "\n" for line in lines).encode())
        self._file.flush()

    def finish(self) -> None:
        """All rows are written. Raises `ValueError` when the earlier run wrote more than there are."""
        if surplus := self.kept(1):
            raise ValueError(f"{self._lines} goes on with row {surplus[0].line} where the input ends: it is of another")
        os.fsync(self._file.fileno())
        if self._is_table:
            end = self._file.seek(0, os.SEEK_END)
            has_file = any(line.file is not None for line in islice(_verdict_lines(self._lines, end), 1))
            columns = {"file": "string"} if has_file else {}
            columns |= {"line": "int64", "id": "string", "verdict": "string", "answer": "string"}
            rows = ({"id": None, **line.values()} for line in _verdict_lines(self._lines, end))
            write_parquet(self._path, ({**row, "id": _table_text(row["id"])} for row in rows), columns)
            self._lines.unlink()
        self._options.remove()


def _partial_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.partial.jsonl")


def _table_text(identity: str | int | None) -> str | None:
    return None if identity is None else str(identity).encode(errors="replace").decode()


def _cut_torn_line(file: BinaryIO) -> int:
    """Cut off what follows the last line's end; where the file ends then."""
    end = file.seek(0, os.SEEK_END)
    begin = end
    while begin > 0:
        begin = max(0, end - 65_536)
        file.seek(begin)
        newline = file.read(end - begin).rfind(b"\n")
        if newline >= 0:
            end = begin + newline + 1
            break
        end = begin
    file.truncate(end)
    file.seek(end)
    return end


def _verdict_lines(path: Path, end: int) -> Iterator[VerdictLine]:
    """The lines of an output up to byte `end`."""
    with path.open("rb") as file:
        number = 0
        while file.tell() < end:
            line = file.readline()
            number += 1
            try:
                values = json.loads(line)
                verdict = Verdict[values["verdict"]]
                yield VerdictLine(values.get("file"), values["line"], values.get("id"), verdict, values["answer"])
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise ValueError(f"{path}:{number}: this line is no verdict, so the file cannot be resumed") from error
