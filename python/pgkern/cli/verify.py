"""`pgkern verify`: verdicts on files of completions."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .check_arguments import add_check_arguments, check_of
from .file_progress import FileProgress

if TYPE_CHECKING:
    from ..data.completion_rows import Fields
    from ..data.verify_file import FileSummary
    from ..verdict import Verdict


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "verify",
        help="verify the completions of JSONL or Parquet files",
        description="Compare each row's completion with its gold answer, and with its label where it has one. "
        "A dotted field name leads into objects and lists: response.choices.0.text.",
        epilog="Exit codes: 0 when every label agrees or there is none, 1 when one does not, 2 for a mistake. "
        "A gold that is a number stands for the digits it is written with.",
    )
    parser.add_argument(
        "files", type=Path, metavar="FILE", nargs="+", help="Parquet by the suffix, JSON Lines otherwise"
    )
    fields = parser.add_argument_group("fields of a row")
    fields.add_argument("--completion-field", default="completion", metavar="NAME")
    fields.add_argument("--gold-field", default="gold", metavar="NAME", help="text, or a list of accepted texts")
    fields.add_argument("--label-field", metavar="NAME", help="true or false (default: expected, which may be absent)")
    fields.add_argument("--id-field", metavar="NAME", help="copied to the output")
    fields.add_argument("--skip-bad", action="store_true", help="count and name rows that cannot be used, and go on")
    add_check_arguments(parser)
    results = parser.add_argument_group("results")
    results.add_argument(
        "--output", type=Path, metavar="FILE", help="write each row's verdict and answer (.parquet or JSONL)"
    )
    existing = results.add_mutually_exclusive_group()
    existing.add_argument("--resume", action="store_true", help="continue the output of a run that was killed")
    existing.add_argument("--overwrite", action="store_true", help="replace an output and a report that exist")
    results.add_argument(
        "--report", type=Path, metavar="FILE", help="list every disagreement with a label (.md or .json)"
    )
    results.add_argument("--explain", type=int, metavar="N", help="only say why row N (counted from 1) has its verdict")
    parser.add_argument("--threads", type=int, help="default: all cores")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Verify; print the verdicts, the agreement with the labels and the speed. Exit code 1 when a label disagrees."""
    from ..data.verify_file import Fields, verify_file

    label = options.label_field or "expected"
    fields = Fields(options.completion_field, options.gold_field, label, options.id_field)
    if options.explain is not None:
        return _explain(options, fields)
    with FileProgress(sys.stderr) as progress:
        summary = verify_file(
            options.files,
            fields=fields,
            check=check_of(options, options.threads),
            output=options.output,
            resume=options.resume,
            overwrite=options.overwrite,
            report=options.report,
            skip_bad=options.skip_bad,
            progress=progress.update if progress.is_shown else None,
        )
    if options.label_field is not None and not summary.labelled:
        raise ValueError(f"no row has a label in the field {options.label_field!r}")
    _print(summary)
    return 0 if summary.agreeing == summary.labelled else 1


def _print(summary: FileSummary) -> None:
    print(f"{summary.rows} pairs: {_counts(summary.counts) or 'none'}")
    if summary.resumed:
        print(f"{summary.resumed} of them from the output that was resumed")
    if summary.num_bad_rows:
        print(f"rows skipped: {summary.num_bad_rows}")
        for message in summary.bad_rows:
            print(f"pgkern: skipped: {message}", file=sys.stderr)
    for row in summary.disagreements:
        label = "right" if row.expected else "wrong"
        print(f"{row.file}:{row.line}: labelled {label}, verdict {row.verdict.name.lower()}, gold {row.gold!r}")
    if summary.labelled:
        print(f"agreement with labels: {summary.agreeing} of {summary.labelled}")
    if unlisted := summary.labelled - summary.agreeing - len(summary.disagreements):
        print(f"{unlisted} more disagree; --report FILE lists all")
    print(f"{summary.pairs_per_second:,.0f} pairs/s with reading, {summary.verified_per_second:,.0f} pairs/s verifying")
    if summary.agreeing != summary.labelled:
        for label, expected in (("right", True), ("wrong", False)):
            print(f"labelled {label}: {_counts(summary.agreement.of_label(expected)) or 'none'}")


def _counts(counts: dict[Verdict, int]) -> str:
    return ", ".join(f"{count} {verdict.name.lower()}" for verdict, count in counts.items() if count)


def _explain(options: argparse.Namespace, fields: Fields) -> int:
    from ..data.completion_rows import completion_rows

    if len(options.files) > 1:
        raise ValueError(f"--explain takes one file, not {len(options.files)}")
    [path] = options.files
    for row in completion_rows(path, fields, (lambda _: None) if options.skip_bad else None):
        if row.line == options.explain:
            print(check_of(options).explain(row.completion, row.gold))
            return 0
    raise ValueError(f"{path}: there is no row {options.explain}")
