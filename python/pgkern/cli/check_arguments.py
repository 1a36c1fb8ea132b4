"""The options of a check on the command line."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..data.check import Check


def add_check_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what `check_of` reads."""
    group = parser.add_argument_group("what counts as equal (as in pgkern.equivalent)")
    group.add_argument("--mode", default="auto", help="where the answer stands (default: auto)")
    group.add_argument(
        "--tolerance", type=float, metavar="T", help="0: exact; above 0: relative (default: nine digits)"
    )
    group.add_argument(
        "--percent", default="either", choices=("either", "hundredths", "number"), help="10 %% is 0.1, 10"
    )
    group.add_argument("--units", default="optional", choices=("optional", "required", "ignored"))
    group.add_argument("--order", default="as_written", choices=("as_written", "ordered", "any"))


def check_of(options: argparse.Namespace, num_threads: int | None = None) -> Check:
    """The check that was asked for."""
    from ..data.check import Check

    return Check(options.mode, num_threads, options.tolerance, options.percent, options.units, options.order)
