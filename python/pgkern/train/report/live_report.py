"""A report that is written again and again while the run goes on."""

from __future__ import annotations

import time

from ..run_folder import RunFolder
from .write_report import write_report

_REST = 50.0  # so many times as long as a report took, none is written


class LiveReport:
    """Writes the report of a run that is under way whenever that costs no more than some 2 % of the time."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._due = 0.0

    def update(self) -> bool:
        """Write the report unless it is too soon; whether it was written. Raises what `write_report` raises."""
        started = time.monotonic()
        if started < self._due:
            return False
        write_report(self._folder)
        finished = time.monotonic()
        self._due = finished + _REST * (finished - started)
        return True
