"""`python -m benches [NAME] [options]`."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from .pictures import can_draw, draw
from .record import RESULTS

BENCHES = (
    "linear_policy_loss",
    "logits_policy_loss",
    "verification",
    "packing",
    "demo",
    "trainer_overhead",
    "trainer_peer",
    "reference_curves",
    "engines",
)
DRAW = "draw"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the bench that is named, or all with their defaults, or draw records again."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(
        prog="python -m benches", description="Run one bench, or all of them, or draw the pictures of records."
    )
    _add_common_options(parser, quick=False, results=RESULTS)
    subparsers = parser.add_subparsers(metavar="NAME", dest="bench")
    benches = {name: import_module(f"{__package__}.{name}") for name in BENCHES}
    for name, bench in benches.items():
        own_parser = _add_bench_options(subparsers.add_parser(name, help=_summary(bench)), bench)
        _add_common_options(own_parser, quick=argparse.SUPPRESS, results=argparse.SUPPRESS)
    drawing = subparsers.add_parser(
        DRAW, help="Draw the pictures of records, as where they were written it could not be"
    )
    drawing.add_argument("records", type=Path, nargs="+", metavar="FILE", help="such as benches/results/*.json")
    options = parser.parse_args(arguments)
    if options.bench == DRAW:
        return _draw(options.records)
    if options.bench is not None:
        benches[options.bench].run(options)
        return 0
    for bench in benches.values():
        own = _add_bench_options(argparse.ArgumentParser(), bench).parse_args([])
        bench.run(argparse.Namespace(**vars(own), quick=options.quick, results=options.results))
    return 0


def _draw(records: Sequence[Path]) -> int:
    if not can_draw():
        print("pictures are drawn with matplotlib, which is not installed: pip install matplotlib", file=sys.stderr)
        return 1
    for record in records:
        for picture in draw(record):
            print(picture)
    return 0


def _add_common_options(parser: argparse.ArgumentParser, *, quick: bool | str, results: Path | str) -> None:
    """The same before and after the bench's name; there, the absent option leaves what was said before."""
    parser.add_argument(
        "--quick", action="store_true", default=quick, help="small sizes: says whether the bench runs, not how fast"
    )
    parser.add_argument("--results", type=Path, default=results, help="folder of the results")


def _add_bench_options(parser: argparse.ArgumentParser, bench: ModuleType) -> argparse.ArgumentParser:
    parser.description = bench.__doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    bench.add_options(parser)
    return parser


def _summary(bench: ModuleType) -> str:
    return (bench.__doc__ or "").strip().splitlines()[0]


if __name__ == "__main__":
    sys.exit(main())
