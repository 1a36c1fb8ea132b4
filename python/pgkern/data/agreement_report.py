"""A file with everything that went against its label, for a person (Markdown) or a program (JSON)."""

import json
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TextIO

from ..explanation import Explanation
from ..verdict import Verdict
from .agreement import Agreement, Disagreement
from .new_file import new_file

__all__ = ["AgreementReport"]


class AgreementReport:
    """Collects disagreements and bad rows on disk, so that there may be any number, and writes the report at the end.

        with AgreementReport(Path("report.md")) as report:
            report.disagreement(row, explanation)
            report.finish(agreement)

    Raises `ValueError` for a path that ends neither in `.json` nor in `.md`.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix not in (".json", ".md"):
            raise ValueError(f"report {str(path)!r} must end in .json or .md")
        self._path = path
        self._disagreements, self._bad_rows = _spool(), _spool()

    def __enter__(self) -> "AgreementReport":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._disagreements.close()
        self._bad_rows.close()

    def disagreement(self, row: Disagreement, explanation: Explanation) -> None:
        """Add a row that contradicts its label."""
        values = {
            "file": str(row.file),
            "line": row.line,
            "id": row.id,
            "label": _label(row.expected),
            "verdict": row.verdict.name,
            "answer": row.answer,
            "gold": row.gold,
            "rules": [gold.rule for gold in explanation.golds],
        }
        self._disagreements.write(json.dumps(values) + "\n")

    def bad_row(self, message: str) -> None:
        """Add a row that was skipped."""
        self._bad_rows.write(json.dumps(message) + "\n")

    def finish(self, agreement: Agreement) -> None:
        """Write the report; it appears when it is complete."""
        write = self._write_json if self._path.suffix == ".json" else self._write_markdown
        with new_file(self._path) as temporary, temporary.open("w", encoding="utf-8", errors="replace") as out:
            write(out, agreement)

    def _write_json(self, out: TextIO, agreement: Agreement) -> None:
        summary = {
            "rows": sum(agreement.rows.values()),
            "verdicts": {verdict.name: count for verdict, count in agreement.counts().items()},
            "labelled": agreement.labelled,
            "agreeing": agreement.agreeing,
            "by_label": {
                _label(label): {verdict.name: count for verdict, count in agreement.of_label(label).items()}
                for label in (True, False)
            },
        }
        out.write(json.dumps(summary, indent=2).removesuffix("\n}"))
        for name, spool in (("disagreements", self._disagreements), ("bad_rows", self._bad_rows)):
            out.write(f',\n  "{name}": [')
            for index, line in enumerate(_lines(spool)):
                out.write((",\n    " if index else "\n    ") + line)
            out.write("\n  ]")
        out.write("\n}\n")

    def _write_markdown(self, out: TextIO, agreement: Agreement) -> None:
        out.write("# Agreement with labels\n\n")
        out.write(f"{agreement.agreeing} of {agreement.labelled} labelled rows agree.\n\n")
        _write_table_row(out, ["label", *(verdict.name for verdict in Verdict)])
        _write_table_row(out, ["---"] + ["---:"] * len(Verdict))
        for label in (True, False):
            _write_table_row(out, [_label(label), *agreement.of_label(label).values()])
        out.write("\n## Disagreements\n\n")
        names = ("file", "line", "id", "label", "verdict", "answer", "gold", "rules")
        _write_table_row(out, names)
        _write_table_row(out, ["---"] * len(names))
        for line in _lines(self._disagreements):
            values = json.loads(line)
            _write_table_row(out, [values[name] for name in names])
        for index, line in enumerate(_lines(self._bad_rows)):
            if index == 0:
                out.write("\n## Rows that were skipped\n\n")
            out.write(f"- {_cell(json.loads(line))}\n")


def _spool() -> TextIO:
    return tempfile.TemporaryFile("w+", encoding="utf-8")


def _lines(spool: TextIO) -> Iterator[str]:
    spool.seek(0)
    return (line.rstrip("\n") for line in spool)


def _label(expected: bool) -> str:
    return "right" if expected else "wrong"


def _write_table_row(out: TextIO, cells: Iterable[object]) -> None:
    out.write("| " + " | ".join(map(_cell, cells)) + " |\n")


def _cell(value: object) -> str:
    """Text that neither ends a cell nor a line, and is not read as markup."""
    if value is None:
        return ""
    if isinstance(value, list):
        return " or ".join(map(_cell, value))
    text = " ".join(str(value).split()).replace("&", "&amp;").replace("<", "&lt;")
    for mark in "\\`*_|[]$#":
        text = text.replace(mark, "\\" + mark)
    return text
