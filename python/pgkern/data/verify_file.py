"""Files of completions and golds, verified in batches: none is ever in memory as a whole."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from ..verdict import Verdict
from ..verification import extract_answer
from .agreement import Agreement, Disagreement
from .agreement_report import AgreementReport
from .check import Check
from .completion_rows import CompletionRow, Fields, batches, completion_rows
from .verdict_lines import VerdictLine, VerdictLines
from .written_files import check_written_files

__all__ = ["Check", "Disagreement", "Fields", "FileSummary", "Progress", "verify_file"]

_KEPT_BAD_ROWS = 20


@dataclass(frozen=True)
class Progress:
    """How far a run is: rows done, those of an earlier run among them, and the part of all files' bytes."""

    rows: int
    resumed: int
    part: float


@dataclass(frozen=True)
class FileSummary:
    """What became of the files.

    Attributes:
        agreement: rows per verdict and label.
        disagreements: the first rows that contradict their label.
        resumed: rows whose verdicts an earlier run had written.
        num_bad_rows: rows that could not be used and were skipped.
        bad_rows: what was wrong with the first of them, with their places.
        verify_seconds: time spent verifying.
        seconds: time spent in all, reading and writing included.
    """

    agreement: Agreement
    disagreements: tuple[Disagreement, ...]
    resumed: int
    num_bad_rows: int
    bad_rows: tuple[str, ...]
    verify_seconds: float
    seconds: float

    @property
    def rows(self) -> int:
        """Rows that have a verdict; blank lines are passed over."""
        return sum(self.agreement.rows.values())

    @property
    def counts(self) -> dict[Verdict, int]:
        """Rows per verdict, every verdict named."""
        return self.agreement.counts()

    @property
    def labelled(self) -> int:
        """Rows that had a label."""
        return self.agreement.labelled

    @property
    def agreeing(self) -> int:
        """Those whose label says right exactly when the verdict is `CORRECT`."""
        return self.agreement.agreeing

    @property
    def pairs_per_second(self) -> float:
        """Rows of this run per second in all."""
        return (self.rows - self.resumed) / self.seconds if self.seconds else 0.0

    @property
    def verified_per_second(self) -> float:
        """Rows of this run per second of verification alone."""
        return (self.rows - self.resumed) / self.verify_seconds if self.verify_seconds else 0.0


def verify_file(
    paths: str | Path | Sequence[str | Path],
    *,
    fields: Fields | None = None,
    check: Check | None = None,
    output: str | Path | None = None,
    resume: bool = False,
    overwrite: bool = False,
    report: str | Path | None = None,
    skip_bad: bool = False,
    keep_disagreements: int = 20,
    progress: Callable[[Progress], None] | None = None,
) -> FileSummary:
    """Verify every row of one file or several, Parquet (by the suffix) or JSON Lines.

    Args:
        paths: the files; each row an object with a completion, and a gold or a list of accepted golds.
        fields: the names of these fields; `Fields()` by default.
        check: the options; `Check()` by default.
        output: where to write each row's file (where there are several), number, id, verdict and answer, if anywhere;
            Parquet by the suffix, JSON Lines otherwise. While it is unfinished the options stand beside it, in
            `NAME.options.json`.
        resume: continue the output of a run that was killed, given the same files and options. The first batch is
            verified again to see that they are.
        overwrite: replace an output and a report that exist already.
        report: a `.json` or `.md` file for all rows that contradict their label.
        skip_bad: count and name rows that cannot be used, and go on.
        keep_disagreements: how many rows that contradict their label to keep.
        progress: called after each batch.

    Raises `ValueError` with the file's name and the row's number for a line that is no JSON object, for a missing field
    (with those that exist) and for a field of the wrong type; `ValueError` for a file without rows and for an output
    that is not of this input or was begun with other options; before anything is read, `ValueError` for an output or a
    report that exists, has no folder or is a file that is read; `ModuleNotFoundError` for Parquet without pyarrow;
    `OSError` as opening a file does.
    """
    files = [Path(paths)] if isinstance(paths, str | Path) else [Path(path) for path in paths]
    fields, check = fields or Fields(), check or Check()
    if resume and output is None:
        raise ValueError("there is no output to resume")
    if resume and overwrite:
        raise ValueError("resume continues an output, overwrite replaces it: only one of them can be had")
    written = VerdictLines.files(Path(output)) if output is not None else {}
    written |= {"report": Path(report)} if report is not None else {}
    check_written_files(files, written, may_replace=resume or overwrite)
    check.refuse_mistakes()
    begin = time.perf_counter()
    run = _Run(check, keep_disagreements, [path.stat().st_size for path in files])
    with ExitStack() as stack:
        if report is not None:
            run.report = stack.enter_context(AgreementReport(Path(report)))
        for index, path in enumerate(files):
            rows_before = run.rows
            rows = completion_rows(path, fields, run.skip if skip_bad else None)
            for batch in batches(rows):
                if output is not None and run.output is None:  # not before there is something to write
                    options = {**check.options(), **fields.read()}
                    run.output = stack.enter_context(VerdictLines(Path(output), options, resume=resume))
                run.verify(batch, str(path) if len(files) > 1 else None)
                if progress is not None:
                    progress(run.progress(index, batch[-1].end))
            if run.rows == rows_before:
                raise ValueError(f"{path}: no rows in this file")
        if run.output is not None:
            run.output.finish()
        if run.report is not None:
            run.report.finish(run.agreement)
    seconds = time.perf_counter() - begin
    return FileSummary(
        run.agreement,
        tuple(run.disagreements),
        run.resumed,
        run.num_bad_rows,
        tuple(run.bad_rows),
        run.verify_seconds,
        seconds,
    )


@dataclass
class _Run:
    """What has been done so far."""

    check: Check
    keep_disagreements: int
    sizes: list[int]
    output: VerdictLines | None = None
    report: AgreementReport | None = None
    agreement: Agreement = field(default_factory=Agreement)
    disagreements: list[Disagreement] = field(default_factory=list)
    rows: int = 0
    resumed: int = 0
    num_bad_rows: int = 0
    bad_rows: list[str] = field(default_factory=list)
    verify_seconds: float = 0.0

    def skip(self, error: ValueError) -> None:
        """Count and name a bad row."""
        self.num_bad_rows += 1
        if len(self.bad_rows) < _KEPT_BAD_ROWS:
            self.bad_rows.append(str(error))
        if self.report is not None:
            self.report.bad_row(str(error))

    def verify(self, batch: list[CompletionRow], file: str | None) -> None:
        """Verify a batch but for what an earlier run did of it, write it and count it."""
        kept = [] if self.output is None else self.output.kept(len(batch))
        new = self._lines(batch[len(kept) :], file)
        if kept:
            self._compare(kept, batch, file)
        if self.output is not None:
            self.output.write(new)
        self.rows += len(batch)
        self.resumed += len(kept)
        for row, line in zip(batch, [*kept, *new], strict=True):
            if self.agreement.add(row, line.verdict):
                self._disagree(row, line)

    def progress(self, index: int, end: int) -> Progress:
        """Where the run is at byte `end` of file `index`."""
        done, total = sum(self.sizes[:index]) + end, sum(self.sizes)
        return Progress(self.rows, self.resumed, done / total if total else 1.0)

    def _lines(self, rows: list[CompletionRow], file: str | None) -> list[VerdictLine]:
        before = time.perf_counter()
        verdicts = self.check.verdicts([row.completion for row in rows], [row.gold for row in rows])
        self.verify_seconds += time.perf_counter() - before
        return list(self._answered(rows, verdicts, file))

    def _answered(self, rows: list[CompletionRow], verdicts: list[Verdict], file: str | None) -> Iterator[VerdictLine]:
        for row, verdict in zip(rows, verdicts, strict=True):
            answer = None if self.output is None else extract_answer(row.completion, mode=self.check.mode)
            yield VerdictLine(file, row.line, row.id, verdict, answer)

    def _compare(self, kept: list[VerdictLine], batch: list[CompletionRow], file: str | None) -> None:
        """Refuse to continue an output that this run would not have written."""
        rows = batch[: len(kept)]
        again = self._lines(rows, file) if self.rows == 0 else None
        for index, (line, row) in enumerate(zip(kept, rows, strict=True)):
            if (line.file, line.line, line.id) != (file, row.line, row.id):
                raise ValueError(f"the output to resume has row {line.line} where {row.file} has row {row.line}")
            if again is not None and line != again[index]:
                differ = _difference(line, again[index])
                raise ValueError(f"the output to resume was written otherwise: {row.file}:{row.line} {differ}")

    def _disagree(self, row: CompletionRow, line: VerdictLine) -> None:
        if self.report is None and len(self.disagreements) >= self.keep_disagreements:
            return
        answer = extract_answer(row.completion, mode=self.check.mode)
        expected = bool(row.expected)
        disagreement = Disagreement(row.file, row.line, row.id, row.gold, expected, line.verdict, answer)
        if len(self.disagreements) < self.keep_disagreements:
            self.disagreements.append(disagreement)
        if self.report is not None:
            self.report.disagreement(disagreement, self.check.explain(row.completion, row.gold))


def _difference(there: VerdictLine, now: VerdictLine) -> str:
    """What a row was in an output and is again, where that is not the same."""
    if there.verdict != now.verdict:
        return f"is {there.verdict.name.lower()} there and {now.verdict.name.lower()} now"
    return f"has the answer {there.answer!r:.80} there and {now.answer!r:.80} now"
