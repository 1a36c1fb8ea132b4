"""`pgkern report`: the page of a run, or of several runs over one another."""

import argparse
import webbrowser
from pathlib import Path

_COMPARISON = Path("comparison.html")


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the subcommand."""
    parser = subparsers.add_parser(
        "report",
        help="write the report of a run, or lay several runs over one another",
        description="Write the report of a run, finished or not. Several runs become one page: every metric's curves "
        "in one chart, and a table of rewards and of the settings in which the runs differ.",
    )
    parser.add_argument(
        "folders", nargs="+", type=Path, metavar="RUN", help="a run folder, as `pgkern train` leaves it"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE.html",
        help=f"where to write it (default: report.html in the run's folder; {_COMPARISON} for several runs)",
    )
    parser.add_argument("--open", action="store_true", help="show it in a browser")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the report and say where it is."""
    from ..train.files.run_folder import RunFolder
    from ..train.report import write_comparison, write_report

    folders = [RunFolder(path) for path in options.folders]
    if len(folders) == 1:
        (folder,) = folders
        if not folder.metrics.is_file():
            raise ValueError(f"{folder.path} is no run folder: there is no {folder.metrics.name} in it")
        write_report(folder, options.output)
        path = options.output or folder.report
    else:
        path = options.output or _COMPARISON
        write_comparison(folders, path)
    print(f"report: {path}")
    if options.open:
        webbrowser.open(path.resolve().as_uri())
    return 0
