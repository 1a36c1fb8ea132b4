"""Which processes there are, and waiting for them to be gone."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path


def running_in_sessions(sessions: Iterable[int]) -> list[int]:
    """Numbers of the processes in these sessions that still run (or are stopped)."""
    wanted, found = set(sessions), []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, session = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue  # it ended meanwhile
        if int(session) in wanted and state not in "ZX":
            found.append(int(stat.parent.name))
    return found


def comes_true(condition: Callable[[], bool], seconds: float = 120.0) -> bool:
    """Whether it does, in time for a machine that has other things to do."""
    until = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True
