"""A JSON Lines file of completions and golds, verified in batches: the file is never in memory as a whole."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import cast

from ..verification import Verdict, verify_many
from .json_lines import Record, json_records

__all__ = ["Disagreement", "Fields", "FileSummary", "verify_file"]

BATCH_ROWS = 4096
"""Rows verified at a time: enough to keep all cores busy, and a few megabytes."""


@dataclass(frozen=True)
class Fields:
    """Which field of a row holds what; `expected` (a right/wrong label) is looked at only where a row has it."""

    completion: str = "completion"
    gold: str = "gold"
    expected: str | None = "expected"


@dataclass(frozen=True)
class Disagreement:
    """A row whose verdict is not its label: its line number (from 1), gold, label and verdict."""

    line: int
    gold: str | list[str]
    expected: bool
    verdict: Verdict


@dataclass(frozen=True)
class FileSummary:
    """What became of a file.

    Attributes:
        rows: lines verified; blank ones are passed over.
        counts: rows per verdict, every verdict named.
        labelled: rows that had a label.
        agreeing: those whose label says right exactly when the verdict is `CORRECT`.
        disagreements: the first of the others.
        verify_seconds: time spent verifying.
        seconds: time spent in all, reading and writing included.
    """

    rows: int
    counts: dict[Verdict, int]
    labelled: int
    agreeing: int
    disagreements: tuple[Disagreement, ...]
    verify_seconds: float
    seconds: float

    @property
    def pairs_per_second(self) -> float:
        """Rows per second of the whole run."""
        return self.rows / self.seconds if self.seconds else 0.0

    @property
    def verified_per_second(self) -> float:
        """Rows per second of verification alone."""
        return self.rows / self.verify_seconds if self.verify_seconds else 0.0


@dataclass(frozen=True)
class _Row:
    line: int
    completion: str
    gold: str | list[str]
    expected: bool | None


def verify_file(
    path: str | Path,
    *,
    fields: Fields | None = None,
    mode: str = "auto",
    num_threads: int | None = None,
    output: str | Path | None = None,
    keep_disagreements: int = 20,
    progress: Callable[[int], None] | None = None,
) -> FileSummary:
    """Verify every row of a JSON Lines file.

    Args:
        path: the file; each line an object with a completion, and a gold or a list of accepted golds.
        fields: the names of these fields; `Fields()` by default.
        mode: as for `pgkern.extract_answer`.
        num_threads: as for `pgkern.verify_many`.
        output: where to write `{"line": …, "verdict": …}` for each row, if anywhere.
        keep_disagreements: how many rows that contradict their label to keep.
        progress: called with the number of rows done after each batch.

    Raises `ValueError` with the file's name and the line number for a line that is no JSON object, for a missing field
    (with those that exist) and for a field of the wrong type; `ValueError` for a file without rows; `OSError` as
    opening a file does.
    """
    path = Path(path)
    fields = fields or Fields()
    if output is not None and Path(output).resolve() == path.resolve():
        raise ValueError(f"output {str(output)!r} is the file that is read")
    begin = time.perf_counter()
    counts = dict.fromkeys(Verdict, 0)
    done = labelled = agreeing = 0
    disagreements: list[Disagreement] = []
    verify_seconds = 0.0
    sink = None if output is None else open(output, "w", encoding="utf-8")  # noqa: SIM115  (closed below)
    try:
        for batch in _batches(path, fields):
            before = time.perf_counter()
            codes = verify_many(
                [row.completion for row in batch], [row.gold for row in batch], mode=mode, num_threads=num_threads
            )
            verify_seconds += time.perf_counter() - before
            for row, code in zip(batch, codes.tolist(), strict=True):
                verdict = Verdict(code)
                counts[verdict] += 1
                if row.expected is not None:
                    labelled += 1
                    if row.expected == (verdict == Verdict.CORRECT):
                        agreeing += 1
                    elif len(disagreements) < keep_disagreements:
                        disagreements.append(Disagreement(row.line, row.gold, row.expected, verdict))
                if sink is not None:
                    sink.write(json.dumps({"line": row.line, "verdict": verdict.name}) + "\n")
            done += len(batch)
            if progress is not None:
                progress(done)
    finally:
        if sink is not None:
            sink.close()
    if not done:
        raise ValueError(f"{path}: no rows in this file")
    seconds = time.perf_counter() - begin
    return FileSummary(done, counts, labelled, agreeing, tuple(disagreements), verify_seconds, seconds)


def _batches(path: Path, fields: Fields) -> Iterator[list[_Row]]:
    records = json_records(path)
    while batch := [_row(record, fields) for record in islice(records, BATCH_ROWS)]:
        yield batch


def _row(record: Record, fields: Fields) -> _Row:
    completion, gold = record.field(fields.completion), record.field(fields.gold)
    if not isinstance(completion, str):
        raise ValueError(f"{record.where}: field {fields.completion!r} is a {type(completion).__name__}, not text")
    if isinstance(gold, (int, float)) and not isinstance(gold, bool):
        gold = str(gold)
    several = isinstance(gold, list) and gold and all(isinstance(one, str) for one in gold)
    if not (isinstance(gold, str) or several):
        raise ValueError(f"{record.where}: field {fields.gold!r} is neither text nor a list of texts: {gold!r:.80}")
    expected = record.values.get(fields.expected) if fields.expected is not None else None
    if not (expected is None or isinstance(expected, bool)):
        raise ValueError(f"{record.where}: field {fields.expected!r} is neither true nor false: {expected!r:.80}")
    return _Row(record.line, completion, cast("str | list[str]", gold), expected)
