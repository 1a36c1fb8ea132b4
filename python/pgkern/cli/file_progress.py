"""A bar on the terminal while files are worked through. It needs no library, as the verifier needs none."""

from __future__ import annotations

import shutil
import time
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from ..data.verify_file import Progress

_WIDTH = 24
_EVERY = 0.1  # seconds between two drawings


class FileProgress:
    """Shows rows done, rows per second and the time left, in one line that is wiped at the end.

        with FileProgress(sys.stderr) as progress:
            progress.update(Progress(rows=4096, resumed=0, part=0.25))

    Anywhere but on a terminal nothing is shown.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self.is_shown = out.isatty()
        """Whether there is a terminal."""
        self.began = self._drawn = time.monotonic()
        """When this run's own rows began, on the monotonic clock: those of an earlier run are passed over quickly."""
        self._first_part = 0.0

    def __enter__(self) -> FileProgress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_shown:
            self._out.write("\r\x1b[K")
            self._out.flush()

    def update(self, progress: Progress) -> None:
        """Draw the bar anew, unless that was done just now."""
        now = time.monotonic()
        if progress.rows == progress.resumed:
            self.began, self._first_part = now, progress.part
        if self.is_shown and (now - self._drawn >= _EVERY or progress.part >= 1):
            self._drawn = now
            self._out.write("\r" + self.line(progress, now)[: shutil.get_terminal_size().columns - 1] + "\x1b[K")
            self._out.flush()

    def line(self, progress: Progress, now: float) -> str:
        """What is shown at time `now` of the monotonic clock."""
        seconds = now - self.began
        done = progress.part - self._first_part
        rows = progress.rows - progress.resumed
        left = _duration(seconds * (1 - progress.part) / done) if done > 0 else "-:--:--"
        speed = f"{rows / seconds:,.0f}" if seconds > 0 else "-"
        filled = round(_WIDTH * progress.part)
        bar = "━" * filled + "─" * (_WIDTH - filled)
        return f"{bar} {progress.part:4.0%}  {progress.rows:,} pairs  {speed} pairs/s  {left} left"


def _duration(seconds: float) -> str:
    minutes, whole = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{whole:02d}"
