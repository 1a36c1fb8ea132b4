"""The report of a run that is under way, rewritten as often as costs next to nothing."""

from __future__ import annotations

import sys
import time

from ..files.run_folder import RunFolder
from ..files.storage_error import StorageError
from .write_report import write_report

_REST = 50.0  # times as long as writing it took


class LiveReport:
    """Writes the report of a run that is under way whenever that costs no more than some 2 % of the time.

    Where it has no room, that is a warning: it is not what ends the run, nor told instead of what does.
    """

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._due = 0.0

    def update(self) -> bool:
        """Write the report unless it is too soon; whether it was. Raises `ValueError` as `write_report` does."""
        started = time.monotonic()
        if started < self._due:
            return False
        written = self.finish()
        finished = time.monotonic()
        self._due = finished + _REST * (finished - started)
        return written

    def finish(self) -> bool:
        """Write the report now; whether there was room. Raises `ValueError` as `write_report` does."""
        try:
            write_report(self._folder)
        except StorageError as error:
            print(f"pgkern: warning: {error}", file=sys.stderr)
            return False
        return True
