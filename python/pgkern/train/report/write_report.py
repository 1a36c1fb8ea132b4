"""Reports as files, made from the files in run folders."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..files.atomic_write import write_file_atomically
from ..files.run_folder import RunFolder
from .comparison_page import comparison_page
from .run_page import run_page
from .run_record import read_run
from .several_runs import read_runs


def write_report(folder: RunFolder, output: Path | None = None) -> None:
    """Write the report of a run, finished or not. A file of the run that is missing is a part that the report lacks.

    The page goes to ``output`` where that is given, otherwise into the run folder beside ``reward.png``.

    Raises ValueError with the line for a log that is damaged other than at its end.
    """
    record = read_run(folder)
    if output is None:
        from .reward_figure import write_reward_figure  # with matplotlib, which reading curves does not need

        write_reward_figure(record.rows, folder.reward_figure, record.name)
    write_file_atomically(output or folder.report, run_page(record).encode("utf-8", "replace"))


def write_comparison(folders: Sequence[RunFolder], output: Path) -> None:
    """Write one page with the curves of several runs over one another and the settings in which they differ.

    Raises ValueError for fewer than two runs, a folder that is given twice, one without a run in it, and a damaged log.
    """
    write_file_atomically(output, comparison_page(read_runs(folders)).encode("utf-8", "replace"))
