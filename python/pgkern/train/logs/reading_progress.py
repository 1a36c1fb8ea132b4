"""A counter on the terminal while a file is read, for one that takes its time."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from rich.console import Console

from ...data.record import Record

_PATIENCE = 1.0  # seconds before anything is shown
_ROWS = 500  # rows between two looks at the clock


@contextmanager
def reading_progress(path: str) -> Iterator[Callable[[Iterator[Record]], Iterable[Record]]]:
    """Watch rows go by: `for record in watch(records)`. On a terminal their number is shown, from one second on."""
    console = Console(stderr=True)
    status = console.status(f"reading {path}")

    def watch(records: Iterator[Record]) -> Iterator[Record]:
        begun, shown = time.monotonic(), False
        for count, record in enumerate(records, start=1):
            if console.is_terminal and count % _ROWS == 0 and time.monotonic() - begun > _PATIENCE:
                status.update(f"reading {path}: {count:,} rows")
                if not shown:
                    status.start()
                    shown = True
            yield record

    try:
        yield watch
    finally:
        status.stop()
