"""`pgkern explain`: why one completion has its verdict."""

import argparse

from .check_arguments import add_check_arguments, check_of


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "explain",
        help="say why a completion has its verdict",
        description="Show what was extracted, how both sides were read, and which rule decided.",
        epilog="Options come first, and -- before a completion or a gold that begins with a minus sign: "
        "pgkern explain --mode whole -- -x '-1*x'. Exit codes: 0 whatever the verdict, 2 for a mistake.",
    )
    parser.add_argument("completion", metavar="COMPLETION")
    parser.add_argument("golds", metavar="GOLD", nargs="+", help="any of several is accepted")
    add_check_arguments(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the explanation; the first line is the verdict."""
    print(check_of(options).explain(options.completion, options.golds))
    return 0
