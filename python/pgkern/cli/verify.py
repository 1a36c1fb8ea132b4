"""`pgkern verify`: verdicts on a file of completions."""

import argparse
import sys
from pathlib import Path


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "verify",
        help="verify the completions of a JSONL file",
        description="Compare each line's completion with its gold answer, and with its label where it has one.",
    )
    parser.add_argument("file", type=Path, metavar="FILE.jsonl")
    parser.add_argument("--completion-field", default="completion", metavar="NAME")
    parser.add_argument("--gold-field", default="gold", metavar="NAME")
    parser.add_argument("--label-field", default="expected", metavar="NAME", help="true or false; may be absent")
    parser.add_argument("--mode", default="auto", help="where the answer stands (default: auto)")
    parser.add_argument("--threads", type=int, default=None, help="default: all cores")
    parser.add_argument("--output", type=Path, default=None, metavar="FILE", help="write a JSONL line a verdict")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Verify; print the verdicts, the agreement with the labels and the speed. Exit code 1 when a label disagrees."""
    from ..data.verify_file import Fields, verify_file
    from ..verification import Verdict

    summary = verify_file(
        options.file,
        fields=Fields(options.completion_field, options.gold_field, options.label_field),
        mode=options.mode,
        num_threads=options.threads,
        output=options.output,
        progress=_count if sys.stderr.isatty() else None,
    )
    if sys.stderr.isatty():
        print(file=sys.stderr)
    verdicts = [f"{summary.counts[verdict]} {verdict.name.lower()}" for verdict in Verdict if summary.counts[verdict]]
    print(f"{summary.rows} pairs: {', '.join(verdicts) or 'none'}")
    for row in summary.disagreements:
        label = "right" if row.expected else "wrong"
        print(f"{options.file}:{row.line}: labelled {label}, verdict {row.verdict.name.lower()}, gold {row.gold!r}")
    if summary.labelled:
        print(f"agreement with labels: {summary.agreeing} of {summary.labelled}")
    print(f"{summary.pairs_per_second:,.0f} pairs/s with reading, {summary.verified_per_second:,.0f} pairs/s verifying")
    return 0 if summary.agreeing == summary.labelled else 1


def _count(rows: int) -> None:
    print(f"\r{rows:,} pairs", end="", file=sys.stderr, flush=True)
